#pragma once

#include <string>
#include <vector>

#include "planner/calibrate/calibration.h"

namespace paraplan {

// Absolute relative errors.
struct ErrorSizes {
  double mean = 0, median = 0, largest = 0;
};

// Errors of the rows that belong together. NaN where there was no refit without each row.
struct CalibrationErrors {
  std::string group;  // a scenario, a software profile, or "all"
  Quantity quantity = Quantity::iteration_time_s;
  int64_t rows = 0;
  ErrorSizes before, after, left_out;
};

// By scenario, by software profile and over all, each by quantity, in the order of the rows.
std::vector<CalibrationErrors> errors_by_scenario(const Calibration& calibration);
std::vector<CalibrationErrors> errors_by_software(const Calibration& calibration);
std::vector<CalibrationErrors> errors_over_all(const Calibration& calibration);

}  // namespace paraplan
