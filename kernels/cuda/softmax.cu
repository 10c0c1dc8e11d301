// Softmax over the rows of attention scores, and its gradient. Rows are read once and written once.
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/row_share.cuh"

namespace paraplan {
namespace {

// Which keys a row sees: all, or with a mask those up to the position of its query.
struct Mask {
  unsigned rows;
  unsigned queries;
  int keys;
  int64_t first_query;
  bool causal;

  __device__ __forceinline__ int visible(int64_t row) const {
    if (!causal) return keys;
    const int64_t seen = first_query + static_cast<unsigned>(row) % queries + 1;
    return seen < keys ? static_cast<int>(seen) : keys;
  }
};

Mask mask_of(const AttentionShape& shape) {
  return {static_cast<unsigned>(shape.rows()), static_cast<unsigned>(shape.queries),
          static_cast<int>(shape.keys), shape.first_query, shape.causal};
}

template <int kCount, int kPacks, bool kWarpRows, typename T>
__global__ void __launch_bounds__(kRowThreads<kWarpRows>)
    softmax_kernel(Mask mask, float scale, Rows<T> scores) {
  const int64_t row = own_row<kWarpRows>();
  if (row >= mask.rows) return;
  const Share all = own_share<kCount, kWarpRows>(mask.keys);
  const Share seen{all.first, all.step, mask.visible(row)};
  HeldRow<T, kCount, kPacks> x;
  x.load(scores.row(row), seen);

  float maximum = Maximum::kNeutral;
  for_packs<kPacks>(seen, [&](int i, int column) {
    const auto value = x.at(i, column);
#pragma unroll
    for (int j = 0; j < kCount; ++j)
      if (column + j < seen.end) maximum = Maximum{}(maximum, value.value[j]);
  });
  maximum = reduce_row<Maximum, kWarpRows>(maximum);

  const float factor = scale * kLog2E;
  const auto exponentials = [&](int i, int column) {
    auto e = x.at(i, column);
#pragma unroll
    for (int j = 0; j < kCount; ++j)
      e.value[j] = column + j < seen.end ? exp2_fast((e.value[j] - maximum) * factor) : 0;
    return e;
  };
  Elements<kCount> kept[kPacks > 0 ? kPacks : 1] = {};
  float sum = 0;
  for_packs<kPacks>(seen, [&](int i, int column) {
    const auto e = exponentials(i, column);
    if constexpr (kPacks > 0) kept[i] = e;
#pragma unroll
    for (int j = 0; j < kCount; ++j) sum += e.value[j];
  });
  const float inverse = 1 / reduce_row<Sum, kWarpRows>(sum);

  for_packs<kPacks>(all, [&](int i, int column) {
    Elements<kCount> result = {};
    if (column < seen.end) {
      if constexpr (kPacks > 0)
        result = kept[i];
      else
        result = exponentials(i, column);
#pragma unroll
      for (int j = 0; j < kCount; ++j) result.value[j] *= inverse;
    }
    store_elements(scores.row(row) + column, result);
  });
}

// With probabilities p and their gradient g: the scores' is scale * p * (g - sum(p * g)).
template <int kCount, int kPacks, bool kWarpRows, typename T>
__global__ void __launch_bounds__(kRowThreads<kWarpRows>)
    softmax_gradient_kernel(Mask mask, float scale, Rows<T> probabilities, Rows<T> gradient) {
  const int64_t row = own_row<kWarpRows>();
  if (row >= mask.rows) return;
  const Share all = own_share<kCount, kWarpRows>(mask.keys);
  const Share seen{all.first, all.step, mask.visible(row)};
  HeldRow<T, kCount, kPacks> p, g;
  p.load(probabilities.row(row), seen);
  g.load(gradient.row(row), seen);

  float inner = 0;
  for_packs<kPacks>(seen, [&](int i, int column) {
    const auto a = p.at(i, column), b = g.at(i, column);
#pragma unroll
    for (int j = 0; j < kCount; ++j)
      if (column + j < seen.end) inner += a.value[j] * b.value[j];
  });
  inner = reduce_row<Sum, kWarpRows>(inner);

  for_packs<kPacks>(all, [&](int i, int column) {
    Elements<kCount> result = {};
    if (column < seen.end) {
      const auto a = p.at(i, column), b = g.at(i, column);
#pragma unroll
      for (int j = 0; j < kCount; ++j)
        if (column + j < seen.end) result.value[j] = scale * a.value[j] * (b.value[j] - inner);
    }
    store_elements(gradient.row(row) + column, result);
  });
}

}  // namespace

template <typename T>
void CudaBackend<T>::softmax(const AttentionShape& shape, double scale, const Matrix& scores) {
  const auto queue_kernel = [&]<int kCount, int kPacks, bool kWarpRows>(const LaunchShape& launch_shape) {
    launch("softmax", softmax_kernel<kCount, kPacks, kWarpRows, T>, launch_shape, queue_, mask_of(shape),
           static_cast<float>(scale), rows_of<T>(scores));
  };
  with_row_kernel<T>(packs_cover<T>(scores), shape.rows(), shape.keys, queue_kernel);
}

template <typename T>
void CudaBackend<T>::softmax_gradient(const AttentionShape& shape, double scale, const Matrix& probabilities,
                                      const Matrix& gradient) {
  const auto queue_kernel = [&]<int kCount, int kPacks, bool kWarpRows>(const LaunchShape& launch_shape) {
    launch("softmax gradient", softmax_gradient_kernel<kCount, kPacks, kWarpRows, T>, launch_shape, queue_,
           mask_of(shape), static_cast<float>(scale), rows_of<T>(probabilities), rows_of<T>(gradient));
  };
  with_row_kernel<T>(packs_cover<T>(probabilities) && packs_cover<T>(gradient), shape.rows(), shape.keys,
                     queue_kernel);
}

template class CudaBackend<float>;
template class CudaBackend<Half>;
template class CudaBackend<Bfloat16>;

}  // namespace paraplan
