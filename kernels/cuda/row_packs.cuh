#pragma once

#include <algorithm>

#include "kernels/cuda/divider.cuh"
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/row_kernel.cuh"

namespace paraplan {

inline constexpr int kPackThreads = 256, kPacksInFlight = 4;

// Whether rows of m can be read `count` elements at a time from their start on; a null matrix can.
template <typename T>
bool aligned_for(const Matrix& m, int64_t count) {
  const bool aligned = reinterpret_cast<uintptr_t>(m.data) % (static_cast<size_t>(count) * sizeof(T)) == 0;
  return aligned && (m.data == nullptr || m.rows <= 1 || m.stride % count == 0);
}

// Calls body(first, count) for pieces of the rows, each of so few packs that 32 bits count them.
template <typename Body>
void for_row_slices(int64_t rows, int64_t packs_per_row, const Body& body) {
  constexpr int64_t kMost = int64_t{1} << 31;
  if (packs_per_row == 0) return;
  const int64_t slice = std::max<int64_t>(kMost / packs_per_row, 1);
  for (int64_t first = 0; first < rows; first += slice) body(first, std::min(slice, rows - first));
}

// Elements of T at a time where they are added to fp32 sums: 16 bytes of those.
inline constexpr int kFour = 4;

template <int kCount>
__device__ __forceinline__ void add_to(Elements<kCount>& sum, const Elements<kCount>& terms) {
#pragma unroll
  for (int i = 0; i < kCount; ++i) sum.value[i] += terms.value[i];
}
template <int kCount>
__device__ __forceinline__ void add_to(float* address, Elements<kCount> terms) {
  add_to(terms, load_elements<kCount>(address));
  store_elements(address, terms);
}

template <int kCount, typename Work>
__global__ void __launch_bounds__(kPackThreads)
    load_store_kernel(uint32_t packs, Divider packs_per_row, uint32_t first_row, Work work) {
  using Loaded = decltype(work.template load<kCount>(0u, 0u));
  const uint32_t stride = gridDim.x * blockDim.x, first = blockIdx.x * blockDim.x + threadIdx.x;
  Loaded loaded[kPacksInFlight];
  uint32_t rows[kPacksInFlight], columns[kPacksInFlight];
#pragma unroll
  for (int i = 0; i < kPacksInFlight; ++i) {
    const uint32_t pack = first + static_cast<uint32_t>(i) * stride, row = packs_per_row.quotient(pack);
    rows[i] = first_row + row;
    columns[i] = packs_per_row.remainder(pack, row) * kCount;
    if (pack < packs) loaded[i] = work.template load<kCount>(rows[i], columns[i]);
  }
#pragma unroll
  for (int i = 0; i < kPacksInFlight; ++i)
    if (first + static_cast<uint32_t>(i) * stride < packs)
      work.template store<kCount>(rows[i], columns[i], loaded[i]);
}

// Covers a matrix like `shape` with packs of 16 bytes of T if `wide`, else of one element: a thread takes
// work.load<kCount>(row, column) of several before work.store<kCount>(row, column, loaded) of the first, so
// that no load waits behind a store that it might depend on. At most 2^32 - 1 rows.
template <typename T, typename Work>
void load_and_store(const char* name, const Matrix& shape, bool wide, const Work& work, QueueHandle queue) {
  constexpr int kPack = Pack<T>::kCount;
  const int64_t packs_per_row = shape.columns / (wide ? kPack : 1);
  for_row_slices(shape.rows, packs_per_row, [&](int64_t first, int64_t rows) {
    const int64_t packs = rows * packs_per_row;
    const LaunchShape launch_shape{.blocks_x = ceil_div(packs, kPackThreads * kPacksInFlight),
                                   .threads = kPackThreads};
    launch(name, wide ? load_store_kernel<kPack, Work> : load_store_kernel<1, Work>, launch_shape, queue,
           static_cast<uint32_t>(packs), Divider(packs_per_row), static_cast<uint32_t>(first), work);
  });
}

}  // namespace paraplan
