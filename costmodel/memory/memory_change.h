#pragma once

#include "costmodel/base/categories.h"

namespace paraplan {

// A tensor's birth (bytes above 0) or death (below).
struct MemoryEvent {
  MemoryCategory category = MemoryCategory::temporary;
  double bytes = 0;
};

// What a walk, a pass or any other part of a step does to the memory of a rank, against what there was when
// it began. Parts follow one another with +, which is associative; so a block is folded once and repeated.
// Bytes are whole numbers below 2^53, so sums do not depend on the order of addition.
struct MemoryChange {
  MemoryUse delta;  // that stays when it ends
  MemoryUse peak;   // at the first of the moments with the largest total; of the beginning: all 0

  MemoryChange() = default;
  explicit MemoryChange(const MemoryEvent& event) {
    delta[event.category] = event.bytes;
    if (event.bytes > 0) peak = delta;
  }

  MemoryChange& operator+=(const MemoryChange& next) {
    MemoryUse later = delta;
    later += next.peak;
    if (later.total() > peak.total()) peak = later;
    delta += next.delta;
    return *this;
  }

  // One after the other, `count` times, at least once. The peak is in the last one where each leaves
  // something.
  MemoryChange repeated(double count) const {
    MemoryChange all = *this;
    all.delta *= count;
    if (delta.total() <= 0) return all;
    all.peak = delta;
    all.peak *= count - 1;
    all.peak += peak;
    return all;
  }
};

}  // namespace paraplan
