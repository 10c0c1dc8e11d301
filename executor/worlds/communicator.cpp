#include "executor/worlds/communicator.h"

#include <algorithm>

namespace paraplan {

Part part_of(int64_t n, int64_t rank, int64_t ranks) {
  const int64_t each = n / ranks + (n % ranks != 0 ? 1 : 0);
  const int64_t first = std::min(n, rank * each);
  return {first, std::min(each, n - first)};
}

}  // namespace paraplan
