#pragma once

#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/row_kernel.cuh"

namespace paraplan {

// What one thread does of a row: packs at columns first, first + step, ..., below end.
struct Share {
  int first, step, end;
};

// Calls body(i, column) for the packs of a share: at most kPacks, i = 0, 1, ...; any number, i = 0, where
// kPacks is 0.
template <int kPacks, typename Body>
__device__ __forceinline__ void for_packs(const Share& share, const Body& body) {
  if constexpr (kPacks == 0) {
#pragma unroll 2
    for (int column = share.first; column < share.end; column += share.step) body(0, column);
  } else {
#pragma unroll
    for (int i = 0; i < kPacks; ++i) {
      const int column = share.first + i * share.step;
      if (column < share.end) body(i, column);
    }
  }
}

// A thread's share of a row: held in registers as it came from memory, or, where kPacks is 0, for rows too
// long for that, read again whenever it is asked for.
template <typename T, int kCount, int kPacks>
class HeldRow {
 public:
  __device__ __forceinline__ void load(const T* row, const Share& share) {
    row_ = row;
    if constexpr (kPacks > 0)
      for_packs<kPacks>(share, [&](int i, int column) { pack_[i] = load_pack<T, kBytes>(row + column); });
  }
  __device__ __forceinline__ Elements<kCount> at(int i, int column) const {
    if constexpr (kPacks == 0) {
      return load_elements<kCount>(row_ + column);
    } else {
      Elements<kCount> result;
#pragma unroll
      for (int j = 0; j < kCount; ++j) result.value[j] = to_float(pack_[i].element[j]);
      return result;
    }
  }

 private:
  static constexpr int kBytes = kCount * static_cast<int>(sizeof(T));
  const T* row_ = nullptr;
  Pack<T, kBytes> pack_[kPacks > 0 ? kPacks : 1];
};

// A row belongs to a warp where kWarpRows, else to a block.
inline constexpr int kBlockRowThreads = 1024;  // at most, of a block with one row
inline constexpr int kWarpRowThreads = 256;    // of a block with a row per warp
template <bool kWarpRows>
inline constexpr int kRowThreads = kWarpRows ? kWarpRowThreads : kBlockRowThreads;

template <bool kWarpRows>
__device__ __forceinline__ int64_t own_row() {
  if constexpr (kWarpRows)
    return static_cast<int64_t>(blockIdx.x) * (kWarpRowThreads / kWarp) + warp_index();
  else
    return blockIdx.x;
}
template <int kCount, bool kWarpRows>
__device__ __forceinline__ Share own_share(int columns) {
  const int thread = kWarpRows ? lane_index() : static_cast<int>(threadIdx.x);
  const int threads = kWarpRows ? kWarp : static_cast<int>(blockDim.x);
  return {thread * kCount, threads * kCount, columns};
}
template <typename Operation, bool kWarpRows>
__device__ __forceinline__ float reduce_row(float value) {
  if constexpr (kWarpRows)
    return reduce_lanes<Operation>(value);
  else
    return reduce_block<Operation>(value);
}
// Whether the calling thread is the one that writes the results of a row.
template <bool kWarpRows>
__device__ __forceinline__ bool leads_row() {
  return kWarpRows ? lane_index() == 0 : threadIdx.x == 0;
}

// Elements of a row that a thread holds at most; fewer of those that each take an access and an address.
template <int kCount>
inline constexpr int kHeld = kCount == 1 ? 6 : 16;

// Calls launch_kernel.operator()<kCount, kPacks, kWarpRows>(LaunchShape) with what suits rows of this length;
// kPacks is 0 where a thread cannot hold its share.
template <int kCount, typename LaunchKernel>
void with_row_length(int64_t rows, int64_t columns, const LaunchKernel& launch_kernel) {
  constexpr int kPacks = kHeld<kCount> / kCount, kWarpHeld = kWarp * kHeld<kCount>;
  if (columns <= kWarpHeld)
    launch_kernel.template operator()<kCount, kPacks, true>(
        LaunchShape{.blocks_x = ceil_div(rows, kWarpRowThreads / kWarp), .threads = kWarpRowThreads});
  else if (columns <= kBlockRowThreads / kWarp * kWarpHeld)
    launch_kernel.template operator()<kCount, kPacks, false>(
        LaunchShape{.blocks_x = rows, .threads = static_cast<int>(ceil_div(columns, kWarpHeld)) * kWarp});
  else
    launch_kernel.template operator()<kCount, 0, false>(
        LaunchShape{.blocks_x = rows, .threads = kBlockRowThreads});
}

// The same, with packs of 16 bytes where `wide`, else of one element.
template <typename T, typename LaunchKernel>
void with_row_kernel(bool wide, int64_t rows, int64_t columns, const LaunchKernel& launch_kernel) {
  if (wide)
    with_row_length<Pack<T>::kCount>(rows, columns, launch_kernel);
  else
    with_row_length<1>(rows, columns, launch_kernel);
}

}  // namespace paraplan
