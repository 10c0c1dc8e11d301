#pragma once

#include <memory>

#include "executor/worlds/communicator.h"

namespace paraplan {

// The group of all ranks; null with one.
std::unique_ptr<Communicator> group_of_all(World& world);

// Whether any rank wants to stop: ranks that measure together stop together.
bool any_stops(Communicator* all, bool stop);

}  // namespace paraplan
