#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace paraplan {

// How well a profile's fitted constants predict the measured steps that they were fitted to.
struct CalibrationRecord {
  std::vector<std::string> tables;  // file names of the measured rows
  int64_t rows = 0;
  double mean_abs_error = 0;                  // of predicted / measured - 1
  std::optional<double> leave_one_out_error;  // the same, each row predicted from a fit to the others
  bool operator==(const CalibrationRecord&) const = default;
};

}  // namespace paraplan
