#pragma once

#include <cstdint>
#include <iterator>
#include <map>

namespace paraplan {

// The entry of a map by number of ranks that is nearest to `ranks` in ratio; of two equally near, the larger.
// The map is not empty.
template <class Value>
typename std::map<int64_t, Value>::const_iterator nearest_ranks(const std::map<int64_t, Value>& by_ranks,
                                                                int64_t ranks) {
  const auto above = by_ranks.lower_bound(ranks);
  if (above == by_ranks.begin()) return above;
  const auto below = std::prev(above);
  if (above == by_ranks.end()) return below;
  const auto at = static_cast<double>(ranks);
  return static_cast<double>(above->first) / at <= at / static_cast<double>(below->first) ? above : below;
}

}  // namespace paraplan
