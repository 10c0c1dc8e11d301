#pragma once

#include "kernels/cuda/device.cuh"

namespace paraplan {

struct Sum {
  template <typename V>
  __device__ __forceinline__ V operator()(V a, V b) const {
    return a + b;
  }
  static constexpr float kNeutral = 0;
};

struct Maximum {
  template <typename V>
  __device__ __forceinline__ V operator()(V a, V b) const {
    return a > b ? a : b;
  }
  static constexpr float kNeutral = -__builtin_huge_valf();
};

// Over groups of kLanes neighbouring lanes (a power of two); every lane gets the result.
template <typename Operation, int kLanes = kWarp, typename V>
__device__ __forceinline__ V reduce_lanes(V value) {
#pragma unroll
  for (int mask = kLanes / 2; mask > 0; mask /= 2) value = Operation{}(value, shuffle_xor(value, mask));
  return value;
}

// Over a block of a multiple of 32 threads, 1024 at most; every thread gets the result. Shared memory is
// free to be used again after the next barrier.
template <typename Operation, typename V>
__device__ __forceinline__ V reduce_block(V value) {
  __shared__ V partial[kWarp];
  value = reduce_lanes<Operation>(value);
  __syncthreads();  // a reduction before may still be read
  if (lane_index() == 0) partial[warp_index()] = value;
  __syncthreads();
  const int warps = static_cast<int>(blockDim.x) / kWarp;
  value = lane_index() < warps ? partial[lane_index()] : static_cast<V>(Operation::kNeutral);
  return reduce_lanes<Operation>(value);
}

}  // namespace paraplan
