#pragma once

#include <cstdint>

#include "kernels/cuda/device.cuh"
#include "kernels/matrix.h"

namespace paraplan {

__device__ __forceinline__ float to_float(float x) {
  return x;
}
__device__ __forceinline__ float to_float(Half x) {
  return __half2float(x);
}
__device__ __forceinline__ float to_float(Bfloat16 x) {
  return __bfloat162float(x);
}

template <typename T>
__device__ __forceinline__ T from_float(float x);
template <>
__device__ __forceinline__ float from_float<float>(float x) {
  return x;
}
template <>
__device__ __forceinline__ Half from_float<Half>(float x) {
  return __float2half_rn(x);
}
template <>
__device__ __forceinline__ Bfloat16 from_float<Bfloat16>(float x) {
  return __float2bfloat16_rn(x);
}

template <typename T>
inline constexpr ElementType kElementType = ElementType::fp32;
template <>
inline constexpr ElementType kElementType<Half> = ElementType::fp16;
template <>
inline constexpr ElementType kElementType<Bfloat16> = ElementType::bf16;

// Elements that fill `kBytes` bytes, for accesses of that width.
template <typename T, int kBytes = 16>
struct alignas(kBytes) Pack {
  static constexpr int kCount = kBytes / static_cast<int>(sizeof(T));
  T element[kCount];
};

template <typename T, int kBytes = 16>
__device__ __forceinline__ Pack<T, kBytes> load_pack(const T* address) {
  return *reinterpret_cast<const Pack<T, kBytes>*>(address);
}
template <typename T, int kBytes>
__device__ __forceinline__ void store_pack(T* address, const Pack<T, kBytes>& pack) {
  *reinterpret_cast<Pack<T, kBytes>*>(address) = pack;
}

// A matrix as kernels see it.
template <typename T>
struct Rows {
  T* data = nullptr;
  int64_t stride = 0;

  __device__ __forceinline__ T* row(int64_t r) const { return data + r * stride; }
};

template <typename T>
Rows<T> rows_of(const Matrix& m) {
  return {static_cast<T*>(m.data), m.stride};
}

// Whether every row of m starts at a 16-byte boundary and has a multiple of 16 bytes: then packs cover it. A
// null matrix does not object.
template <typename T>
bool packs_cover(const Matrix& m) {
  constexpr int64_t kPack = Pack<T>::kCount;
  if (m.data == nullptr) return true;
  const bool aligned = reinterpret_cast<uintptr_t>(m.data) % 16 == 0;
  return aligned && (m.rows <= 1 || m.stride % kPack == 0) && m.columns % kPack == 0;
}

}  // namespace paraplan
