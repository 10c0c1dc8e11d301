#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace paraplan {

// Where a number comes from.
enum class Provenance {
  assumed,    // a choice without measurement; says so in its source
  datasheet,  // the vendor's figure
  inferred,   // derived by arithmetic from published measurements
  fitted,     // least squares over measured training steps (`paraplan calibrate`)
  tuned,      // chosen by hand with a look at measured training steps
  measured,   // a microbenchmark
};

const char* to_string(Provenance);

// A number of a profile, in SI units, that knows where it comes from.
struct Constant {
  double value = 0;
  Provenance provenance = Provenance::assumed;
  std::string source = {};
  double standard_error = 0;  // of a fitted value, same unit; 0 when unknown
  // Of what was chosen by looking at measured training steps: the tables of rows that were looked at, and the
  // value that it would have without them.
  std::vector<std::string> tables = {};
  double prior = 0;

  operator double() const { return value; }
  bool from_rows() const { return provenance == Provenance::fitted || provenance == Provenance::tuned; }
  bool operator==(const Constant&) const = default;
};

}  // namespace paraplan
