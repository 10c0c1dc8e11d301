#pragma once

#include <vector>

#include "costmodel/profile/hardware_profile.h"

namespace paraplan {

// Number of one-way rings of full link rate that can run at once over `members` of a mesh of bonded links:
// NCCL's ring count. Edge-disjoint directed Hamiltonian cycles, found greedily. 0: the members are not
// connected by links.
int ring_count(const std::vector<LinkPair>& pairs, const std::vector<int>& members);

}  // namespace paraplan
