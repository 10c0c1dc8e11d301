#pragma once

// device.cuh's vocabulary where there is no GPU: every thread of a block is a fiber, and whatever CUDA
// threads do together waits until all of them have come.
#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/cuda/emulation/blocks.h"

#undef __shared__
#undef __forceinline__
#undef __launch_bounds__
#define __shared__ static  // blocks run one after another
#define __forceinline__ inline
#define __launch_bounds__(...)
#define PARAPLAN_MATRIX_UNITS 1

namespace paraplan {

using emulation::blockDim;
using emulation::blockIdx;
using emulation::gridDim;
using emulation::threadIdx;

inline void __syncthreads() {
  emulation::synchronize_block();
}
inline void __syncwarp() {
  emulation::synchronize_warp();
}

inline char* dynamic_shared() {
  return emulation::dynamic_shared_memory();
}

template <typename V>
V shuffle(V value, int lane) {
  V result;
  std::memcpy(&result, emulation::exchange(&value, sizeof(V), lane), sizeof(V));
  return result;
}
template <typename V>
V shuffle_xor(V value, int mask) {
  return shuffle(value, static_cast<int>(threadIdx.x % 32) ^ mask);
}

template <typename V>
void atomic_add(V* address, V value) {
  *address += value;  // fibers change only where they wait
}

inline float exp2_fast(float x) {
  return std::exp2(x);
}
inline float reciprocal_fast(float x) {
  return 1 / x;
}
inline void prefetch(const void*) {}
inline float rsqrtf(float x) {
  return 1 / std::sqrt(x);
}

inline void copy_async(void* shared, const void* global, bool valid) {
  emulation::queue_copy(shared, global, valid);
}
inline void copy_async_commit() {
  emulation::commit_copies();
}
template <int kPending>
void copy_async_wait() {
  emulation::await_copies(kPending);
}

inline void load_matrix_x4(uint32_t (&r)[4], const void* row) {
  emulation::load_matrices(r, row, false);
}
inline void load_matrix_transposed_x4(uint32_t (&r)[4], const void* row) {
  emulation::load_matrices(r, row, true);
}

template <typename T>
void multiply_accumulate(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  emulation::multiply_accumulate(d, a, b0, b1, [](uint16_t bits) {
    T value;
    std::memcpy(static_cast<void*>(&value), &bits, sizeof(bits));
    return static_cast<float>(value);
  });
}

}  // namespace paraplan
