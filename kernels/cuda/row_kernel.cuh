#pragma once

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "kernels/cuda/divider.cuh"
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.cuh"

namespace paraplan {

// Neighbouring elements of a row, as numbers to compute with.
template <int kCount>
struct Elements {
  float value[kCount];
};

// The elements of one access of kCount, 16 bytes or one element, as they lie in memory.
template <int kCount, typename T>
using PackOf = Pack<T, kCount* static_cast<int>(sizeof(T))>;

template <int kCount, typename T>
__device__ __forceinline__ PackOf<kCount, T> load_packed(const T* address) {
  return load_pack<T, kCount* static_cast<int>(sizeof(T))>(address);
}
template <int kCount, typename T>
__device__ __forceinline__ PackOf<kCount, T> load_packed_or_zeros(const T* row, int64_t column) {
  return row == nullptr ? PackOf<kCount, T>{} : load_packed<kCount>(row + column);
}
// The same as numbers.
template <typename T, int kBytes>
__device__ __forceinline__ Elements<Pack<T, kBytes>::kCount> unpack(const Pack<T, kBytes>& pack) {
  Elements<Pack<T, kBytes>::kCount> result;
#pragma unroll
  for (int i = 0; i < Pack<T, kBytes>::kCount; ++i) result.value[i] = to_float(pack.element[i]);
  return result;
}
template <int kCount, typename T>
__device__ __forceinline__ Elements<kCount> load_elements(const T* address) {
  return unpack(load_packed<kCount>(address));
}
template <int kCount, typename T>
__device__ __forceinline__ void store_elements(T* address, const Elements<kCount>& elements) {
  PackOf<kCount, T> pack;
#pragma unroll
  for (int i = 0; i < kCount; ++i) pack.element[i] = from_float<T>(elements.value[i]);
  store_pack(address, pack);
}

// Whether a matrix is one row in memory.
inline bool is_dense(const Matrix& m) {
  return m.rows == 1 || m.stride == m.columns;
}

inline constexpr int kElementThreads = 256;

// Work in two steps, all of a thread's loads first: `loaded = load<kCount>(row, column)`, which changes
// nothing, then `finish<kCount>(row, column, loaded)`.
template <typename Work, int kCount>
concept LoadsFirst = requires(const Work& work) {
  work.template load<kCount>(0, 0);
};

// Each thread works on several packs, one stride of the grid apart, so that several loads are under way; on
// fewer where it loads more for each, to keep registers.
template <typename Work, int kCount>
constexpr int unroll() {
  if constexpr (LoadsFirst<Work, kCount>)
    return sizeof(std::declval<const Work&>().template load<kCount>(0, 0)) <= 32 ? 4 : 2;
  else
    return 4;
}

// The packs of a piece of a matrix, few enough to be counted in 31 bits.
struct PackRange {
  int64_t first_row = 0, first_pack = 0;  // of its rows
  uint32_t count = 0;
  Divider per_row;

  struct Place {
    int64_t row, pack;  // of the matrix
  };
  __device__ __forceinline__ Place place(uint32_t index) const {
    const uint32_t row = per_row.quotient(index);
    return {first_row + row, first_pack + per_row.remainder(index, row)};
  }
};

template <int kCount, typename Work>
__global__ void __launch_bounds__(kElementThreads) element_kernel(PackRange packs, Work work) {
  constexpr int kUnroll = unroll<Work, kCount>();
  const uint32_t stride = gridDim.x * blockDim.x, first = blockIdx.x * blockDim.x + threadIdx.x;
  if constexpr (LoadsFirst<Work, kCount>) {
    decltype(work.template load<kCount>(0, 0)) loaded[kUnroll];
    PackRange::Place place[kUnroll];
#pragma unroll
    for (int i = 0; i < kUnroll; ++i) {
      const uint32_t index = first + static_cast<uint32_t>(i) * stride;
      place[i] = packs.place(index < packs.count ? index : packs.count - 1);
      loaded[i] = work.template load<kCount>(place[i].row, place[i].pack * kCount);
    }
#pragma unroll
    for (int i = 0; i < kUnroll; ++i)
      if (first + static_cast<uint32_t>(i) * stride < packs.count)
        work.template finish<kCount>(place[i].row, place[i].pack * kCount, loaded[i]);
  } else {
#pragma unroll
    for (int i = 0; i < kUnroll; ++i) {
      const uint32_t index = first + static_cast<uint32_t>(i) * stride;
      if (index >= packs.count) return;
      const PackRange::Place place = packs.place(index);
      work.template operator()<kCount>(place.row, place.pack * kCount);
    }
  }
}

// Work on every pack of kCount elements of a matrix of `rows` rows of packs_per_row packs.
template <int kCount, typename Work>
void for_packs(const char* name, int64_t rows, int64_t packs_per_row, const Work& work, QueueHandle queue) {
  constexpr int64_t kMost = Divider::kLimit - 1;
  for (int64_t pack = 0; pack < packs_per_row; pack += kMost) {
    const int64_t width = std::min(kMost, packs_per_row - pack), most_rows = kMost / width;
    for (int64_t row = 0; row < rows; row += most_rows) {
      const int64_t count = std::min(most_rows, rows - row) * width;
      const PackRange range{row, pack, static_cast<uint32_t>(count), Divider(width)};
      launch(
          name, element_kernel<kCount, Work>,
          {.blocks_x = ceil_div(count, kElementThreads * unroll<Work, kCount>()), .threads = kElementThreads},
          queue, range, work);
    }
  }
}

template <typename T>
bool packs_cover_all(std::initializer_list<Matrix> operands) {
  return std::all_of(operands.begin(), operands.end(), packs_cover<T>);
}

// Calls work.operator()<kCount>(row, column), or its two steps, for packs of kCount elements that cover a
// matrix like `shape`: 16 bytes of T where all `operands` allow it, else one element. Results may overwrite
// operands in place.
template <typename T, typename Work>
void for_elements(const char* name, const Matrix& shape, std::initializer_list<Matrix> operands,
                  const Work& work, QueueHandle queue) {
  constexpr int kPack = Pack<T>::kCount;
  if (packs_cover_all<T>(operands))
    for_packs<kPack>(name, shape.rows, shape.columns / kPack, work, queue);
  else
    for_packs<1>(name, shape.rows, shape.columns, work, queue);
}

}  // namespace paraplan
