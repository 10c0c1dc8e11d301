#pragma once

#include <cstddef>

namespace paraplan {

// From which capability on there is bf16, and the matrix instructions that intrinsics.cuh uses.
inline constexpr int kMatrixUnitCapability = 80;

int compute_capability();      // 10 * major + minor of the current device
size_t shared_memory_bytes();  // that a block of the current device can have

}  // namespace paraplan
