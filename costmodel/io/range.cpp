#include "costmodel/io/range.h"

#include <fmt/format.h>

namespace paraplan {

std::string to_string(const Range& range) {
  return fmt::format("a number {} {}, at most {}", range.above_min ? "above" : "from", range.min, range.max);
}

}  // namespace paraplan
