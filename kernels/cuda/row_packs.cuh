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

}  // namespace paraplan
