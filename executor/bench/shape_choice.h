#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "costmodel/prices/price.h"
#include "costmodel/profile/hardware_profile.h"
#include "executor/bench/needed_ops.h"

namespace paraplan {

// Interpolation this near to a measured time is trusted between its neighbours.
inline constexpr double kInterpolationTolerance = 0.03;

struct OpOutcome {
  std::optional<OpSample> sample;
  std::string reason;  // without a sample: why
};

// What the choice of shapes asks for; all its decisions follow from the answers.
struct ChoiceHooks {
  // Measures an op, or says why that is impossible.
  std::function<OpOutcome(const NeededOp&)> measure;
  // What a prediction would say of the op from these samples (all of one kind, derivative and precision), or
  // from none.
  std::function<Price(const NeededOp&, const std::vector<OpSample>&)> predict;
  std::function<bool()> go_on;                                    // false: time is over
  std::function<void(int64_t settled, int64_t needed)> progress;  // ops measured or within checked gaps
};

struct LeftOut {
  std::string op, reason;
};

struct ChoiceReport {
  int64_t needed = 0, measured = 0;
  int64_t interpolated = 0;  // ops inside gaps that were checked
  int64_t midpoints = 0;     // measured to check interpolation
  int64_t refined = 0;       // of them, beyond the tolerance: their gaps were divided
  double worst_error = 0;    // of the others, relative
  int64_t unchecked = 0;     // ops between measured ones whose interpolation the time did not reach
  std::vector<LeftOut> left_out;
};

// Measures as few of `ops` as their interpolation within kInterpolationTolerance takes. Of each line of ops
// that differ in one size, both ends come first; then the op nearest to the geometric middle of a gap is
// measured and compared with its prediction. Too far off, both halves are gaps. Ends go in the order of their
// part in the model's time, gaps in that of what they may be wrong by, so that little time gives the best
// profile. An end that cannot be measured gives way to its neighbour.
ChoiceReport measure_chosen(const std::vector<NeededOp>& ops, const ChoiceHooks& hooks);

}  // namespace paraplan
