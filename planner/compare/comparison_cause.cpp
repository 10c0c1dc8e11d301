#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "planner/compare/comparison.h"
#include "planner/report/table.h"

namespace paraplan {
namespace {

const char* pace(double difference) {
  return difference > 0 ? "slower" : "faster";
}

// Reads the sizes as the sentence needs them: what is `towards` the difference of the step counts as
// positive.
template <class Row, class Value>
const Row* largest(const std::vector<Row>& rows, double towards, Value difference) {
  const Row* best = nullptr;
  for (const Row& row : rows) {
    const double size = difference(row) * towards;
    if (size > 0 && (best == nullptr || size > difference(*best) * towards)) best = &row;
  }
  return best;
}

std::string both_sides(const ComparedOp& op) {
  if (!op.predicted) return fmt::format("not predicted, measured {}", format_time(op.measured->seconds));
  if (!op.measured) return fmt::format("predicted {}, not measured", format_time(op.predicted->seconds));
  return fmt::format("predicted {}, measured {}", format_time(op.predicted->seconds),
                     format_time(op.measured->seconds));
}

// Parts of the step that no op makes up are explained by what they are.
std::string without_ops(const ComparedTime& part) {
  const std::string sides = fmt::format("predicted {}, measured {}", format_time(part.seconds.predicted),
                                        format_time(part.seconds.measured));
  if (part.category == TimeCategory::bubble) return fmt::format(", waiting for other stages ({})", sides);
  if (part.category == TimeCategory::other) return fmt::format(", outside the ops ({})", sides);
  return fmt::format(" ({})", sides);
}

// The end of a clause: what the part's difference consists of, in the direction of `towards`.
std::string detail(const Comparison& comparison, const ComparedTime& part, double towards) {
  std::vector<ComparedOp> ops;
  for (const ComparedOp& op : comparison.ops)
    if (op.either().category == part.category) ops.push_back(op);
  const ComparedOp* op =
      largest(ops, towards, [](const ComparedOp& row) { return row.seconds().difference(); });
  if (op == nullptr) return without_ops(part);
  const bool most = std::abs(op->seconds().difference()) > std::abs(part.seconds.difference()) / 2;
  const OpTime& named = op->either();
  return fmt::format(", {} in {} {} {} ({})", most ? "most" : "the largest share", to_string(named.key.block),
                     to_string(named.key.walk), named.name, both_sides(*op));
}

double difference_of(const ComparedTime& part) {
  return part.seconds.difference();
}

std::string cause_within_spread(const Comparison& comparison) {
  const double gap = comparison.iteration_time_s.difference();
  std::string text = fmt::format(
      "The step is as fast as predicted: the difference of {} is within the spread "
      "of the measured steps, {}",
      format_time(std::abs(gap)), format_time(comparison.spread_s));
  if (comparison.times.empty() || std::abs(difference_of(comparison.times.front())) <= comparison.spread_s)
    return text + ".";
  const ComparedTime& part = comparison.times.front();
  const double difference = difference_of(part);
  return text + fmt::format("; but parts of it make up for each other, above all {}, {} {} than predicted{}.",
                            to_string(part.category), format_time(std::abs(difference)), pace(difference),
                            detail(comparison, part, difference));
}

// Where the fastest step is near the prediction and the median far from it, the model is not what is wrong.
// What disturbs may be out of sight of the machine's load: other virtual machines, clocks, shared caches.
std::string unsteady(const Comparison& comparison) {
  constexpr double kNear = 0.1;
  const double fastest = comparison.fastest_s;
  const bool predicted = fastest > 0 && fastest <= (1 + kNear) * comparison.iteration_time_s.predicted;
  if (!predicted || comparison.iteration_time_s.measured <= (1 + 2 * kNear) * fastest) return "";
  return fmt::format(
      " The fastest step took {}: the others were slowed by something outside the program; measure again on "
      "a "
      "machine that is not shared.",
      format_time(fastest));
}

std::string cause_beyond_spread(const Comparison& comparison) {
  const double gap = comparison.iteration_time_s.difference();
  const ComparedTime* part = largest(comparison.times, gap, difference_of);
  if (part == nullptr) {
    return fmt::format("The step is {} {} than predicted, but no part of the pacing rank's step is.",
                       format_time(std::abs(gap)), pace(gap));
  }
  const std::string explained = detail(comparison, *part, gap);
  constexpr double kRounding = 1e-9;  // of sums of parts
  const double share = std::abs(difference_of(*part));
  if (share > (1 + kRounding) * std::abs(gap)) {
    return fmt::format(
        "The step is {} {} than predicted; {} alone is {} {}{}, and other parts make up for {}.",
        format_time(std::abs(gap)), pace(gap), to_string(part->category), format_time(share), pace(gap),
        explained, format_time(share - std::abs(gap)));
  }
  return fmt::format("Of the {} by which the step is {} than predicted, {} are in {}{}.",
                     format_time(std::abs(gap)), pace(gap), format_time(share), to_string(part->category),
                     explained);
}

}  // namespace

std::string largest_cause(const Comparison& comparison) {
  const bool within = std::abs(comparison.iteration_time_s.difference()) <= comparison.spread_s;
  return (within ? cause_within_spread(comparison) : cause_beyond_spread(comparison)) + unsteady(comparison);
}

}  // namespace paraplan
