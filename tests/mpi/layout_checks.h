#pragma once

#include "executor/worlds/communicator.h"

namespace paraplan {

// Trains every case of covering_cases() that has as many ranks as the world, in double and single precision.
// Throws std::runtime_error that names the case and the difference where a loss, or a gradient that this rank
// answers for, is not that of one rank; also when there is no such case.
void check_layouts(World& world);

}  // namespace paraplan
