#pragma once

#include <cstdint>

namespace paraplan {

// Messages between stages are named by the virtual stage they are for and their direction.
struct MessageTag {
  int64_t part = 0;       // that receives
  bool gradient = false;  // from the part behind, of its input; else from the part before, its output

  int64_t sender() const { return gradient ? part + 1 : part - 1; }
  int number() const { return static_cast<int>(2 * part + (gradient ? 1 : 0)); }
  static MessageTag of(int number) { return {number / 2, number % 2 == 1}; }
};

}  // namespace paraplan
