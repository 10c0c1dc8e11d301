// Element by element on rows: add, copy, fill.
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/row_kernel.cuh"

namespace paraplan {
namespace {

template <typename T>
struct Add {
  Rows<T> a, b, sum;

  template <int kCount>
  struct Loaded {
    PackOf<kCount, T> a, b;
  };
  template <int kCount>
  __device__ Loaded<kCount> load(int64_t row, int64_t column) const {
    return {load_packed<kCount>(a.row(row) + column), load_packed<kCount>(b.row(row) + column)};
  }
  template <int kCount>
  __device__ void finish(int64_t row, int64_t column, const Loaded<kCount>& loaded) const {
    const auto x = unpack(loaded.a), y = unpack(loaded.b);
    Elements<kCount> result;
#pragma unroll
    for (int i = 0; i < kCount; ++i) result.value[i] = x.value[i] + y.value[i];
    store_elements(sum.row(row) + column, result);
  }
};

template <typename T>
struct Copy {
  Rows<T> from, to;

  template <int kCount>
  __device__ PackOf<kCount, T> load(int64_t row, int64_t column) const {
    return load_packed<kCount>(from.row(row) + column);
  }
  template <int kCount>
  __device__ void finish(int64_t row, int64_t column, const PackOf<kCount, T>& loaded) const {
    store_pack(to.row(row) + column, loaded);
  }
};

template <typename T>
struct Fill {
  float value;
  Rows<T> x;

  template <int kCount>
  __device__ void operator()(int64_t row, int64_t column) const {
    Elements<kCount> result;
#pragma unroll
    for (int i = 0; i < kCount; ++i) result.value[i] = value;
    store_elements(x.row(row) + column, result);
  }
};

// The shape of operands without gaps between rows: one row, so that packs cover more shapes.
Matrix shape_of(const Matrix& m, bool dense) {
  return dense ? Matrix{m.data, 1, m.elements(), m.elements()} : m;
}

}  // namespace

template <typename T>
void CudaBackend<T>::add(const Matrix& a, const Matrix& b, const Matrix& sum) {
  const bool dense = is_dense(a) && is_dense(b) && is_dense(sum);
  const Matrix from = shape_of(a, dense), other = shape_of(b, dense), to = shape_of(sum, dense);
  for_elements<T>("add", to, {from, other, to}, Add<T>{rows_of<T>(from), rows_of<T>(other), rows_of<T>(to)},
                  queue_);
}

template <typename T>
void CudaBackend<T>::copy(const Matrix& from, const Matrix& to) {
  const bool dense = is_dense(from) && is_dense(to);
  const Matrix source = shape_of(from, dense), result = shape_of(to, dense);
  for_elements<T>("copy", result, {source, result}, Copy<T>{rows_of<T>(source), rows_of<T>(result)}, queue_);
}

template <typename T>
void CudaBackend<T>::fill(double value, const Matrix& x) {
  const Matrix to = shape_of(x, is_dense(x));
  for_elements<T>("fill", to, {to}, Fill<T>{static_cast<float>(value), rows_of<T>(to)}, queue_);
}

template class CudaBackend<float>;
template class CudaBackend<Half>;
template class CudaBackend<Bfloat16>;

}  // namespace paraplan
