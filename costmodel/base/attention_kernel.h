#pragma once

#include <cstdint>

namespace paraplan {

// Fused attention kernels by generation: what runs depends on the software, how fast it is on the device.
enum class AttentionKernel : uint8_t {
  flash_1,  // Dao et al. 2022, and Triton kernels after it
  flash_2,  // Dao 2023
  flash_3,  // Shah et al. 2024 (Hopper and later)
  cudnn,    // of cuDNN 9, as Transformer Engine calls it
};
const char* to_string(AttentionKernel);

}  // namespace paraplan
