#include "executor/worlds/group_members.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <stdexcept>

namespace paraplan {

int index_in_group(const std::vector<int>& members, int rank, int size) {
  const bool ascending =
      std::adjacent_find(members.begin(), members.end(), std::greater_equal<>()) == members.end();
  const auto found = std::find(members.begin(), members.end(), rank);
  if (!ascending || found == members.end() || members.front() < 0 || members.back() >= size) {
    throw std::logic_error(fmt::format(
        "group [{}] of rank {}: members must be ascending ranks below {} with this one among them",
        fmt::join(members, ", "), rank, size));
  }
  return static_cast<int>(found - members.begin());
}

}  // namespace paraplan
