#pragma once

#include <vector>

namespace paraplan {

// Index of `rank` in `members` of a group in a world of `size` ranks. Throws std::logic_error when the
// members are not ascending ranks of that world with `rank` among them.
int index_in_group(const std::vector<int>& members, int rank, int size);

}  // namespace paraplan
