#include "executor/bench/bench_group.h"

#include <numeric>
#include <vector>

namespace paraplan {

std::unique_ptr<Communicator> group_of_all(World& world) {
  if (world.size() == 1) return nullptr;
  std::vector<int> ranks(static_cast<size_t>(world.size()));
  std::iota(ranks.begin(), ranks.end(), 0);
  return world.group(ranks);
}

bool any_stops(Communicator* all, bool stop) {
  double wish = stop ? 1 : 0;
  if (all != nullptr) all->all_reduce(&wish, 1, ElementType::fp64, Reduction::maximum);
  return wish > 0;
}

}  // namespace paraplan
