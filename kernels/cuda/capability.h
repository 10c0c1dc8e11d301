#pragma once

#include <cstddef>

namespace paraplan {

int compute_capability();      // 10 * major + minor of the current device
size_t shared_memory_bytes();  // that a block of the current device can have

}  // namespace paraplan
