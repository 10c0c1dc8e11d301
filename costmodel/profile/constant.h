#pragma once

#include <cstdint>
#include <string>
#include <string_view>

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
  std::string source;
  double standard_error = 0;  // of a fitted value, same unit; 0 when unknown

  operator double() const { return value; }
  bool operator==(const Constant&) const = default;
};

}  // namespace paraplan
