#include "costmodel/io/text/range.h"

#include <fmt/format.h>

namespace paraplan {

std::string to_string(const Range& range) {
  return fmt::format("a number {} {}, at most {}", range.above_min ? "above" : "from", range.min, range.max);
}

std::optional<std::string> unusual_value(double value, const UsualRange& usual, const std::string& unit) {
  const bool below = value<usual.min / kUnusualFactor, above = value> usual.max * kUnusualFactor;
  if (value == 0 || usual.max == 0 || (!below && !above)) return std::nullopt;
  const std::string space = unit.empty() ? "" : " ";
  std::string text = fmt::format("{:g}{}{} is far {} the {:g} to {:g}{}{} of shipped profiles", value, space,
                                 unit, below ? "below" : "above", usual.min, usual.max, space, unit);
  if (!unit.empty()) text += fmt::format("; the unit is {}", unit);
  return text;
}

}  // namespace paraplan
