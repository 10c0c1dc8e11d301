#pragma once

// What kernels use of the device, in one vocabulary: on GPUs CUDA's own intrinsics, elsewhere an emulation
// that runs the threads of a block as fibers, so that kernels are tested where there is no GPU.
// Both give, besides CUDA's threadIdx, blockIdx, blockDim, gridDim and __syncthreads():
//   dynamic_shared()              the block's dynamic shared memory, 128-byte aligned
//   shuffle_xor(value, mask)      the value of the warp's lane (own lane ^ mask); all lanes take part
//   shuffle(value, lane)          the value of a lane
//   atomic_add(address, value)    float, double
//   copy_async(shared, global, valid)   16 bytes to shared memory, zeros where not valid; arrives with
//   copy_async_commit(), copy_async_wait<N>()   ... when all but the last N committed groups are awaited
//   load_matrix_x4, load_matrix_transposed_x4   four 8 x 8 matrices of 2-byte elements from shared memory;
//                                 lane i names row i % 8 of matrix i / 8 (PTX ldmatrix)
//   multiply_accumulate<T>(d, a, b0, b1)   d (16 x 8, fp32) += a (16 x 16) b (16 x 8), fragments as in PTX
//                                 mma.sync.m16n8k16; only where kHasMatrixUnits
//   exp2_fast(x), reciprocal_fast(x)   2^x and, for x >= 1, 1 / x, approximately
//   prefetch(address)             brings a cache line of global memory to the second-level cache
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

#ifdef __CUDACC__
#include "kernels/cuda/intrinsics.cuh"
#else
#include "kernels/cuda/emulation/intrinsics.h"
#endif

namespace paraplan {

using Half = __half;
using Bfloat16 = __nv_bfloat16;

inline constexpr int kWarp = 32;
inline constexpr float kLog2E = 1.4426950408889634f;  // e^x = 2^(x log2 e), and exp2 is one instruction

__device__ __forceinline__ int lane_index() {
  return static_cast<int>(threadIdx.x) % kWarp;
}
__device__ __forceinline__ int warp_index() {
  return static_cast<int>(threadIdx.x) / kWarp;
}

}  // namespace paraplan
