#pragma once

#include <string>
#include <vector>

#include "executor/worlds/communicator.h"

namespace paraplan {

// Every rank's text on rank 0, by rank; empty elsewhere. Collective. An emulated rank has its own alone.
std::vector<std::string> gather_texts(World& world, const std::string& mine);

}  // namespace paraplan
