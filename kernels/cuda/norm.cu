// LayerNorm and RMSNorm. The forward pass has a row in a warp or block; the backward pass has blocks that
// take row after row and add up their part of the gain's and shift's gradients on the way.
#include <algorithm>

#include "kernels/cuda/capability.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/row_share.cuh"

namespace paraplan {
namespace {

template <typename T>
struct NormRows {
  Rows<T> x, y;
  Rows<float> statistics;
  int64_t rows;
  int columns;
};

// The variance is of the differences from the mean: a second pass over what is held.
template <int kCount, int kPacks, bool kWarpRows, typename T>
__global__ void __launch_bounds__(kRowThreads<kWarpRows>)
    norm_kernel(NormRows<T> matrix, float epsilon, const T* __restrict__ gain, const T* __restrict__ shift) {
  const int64_t row = own_row<kWarpRows>();
  if (row >= matrix.rows) return;
  const Share share = own_share<kCount, kWarpRows>(matrix.columns);
  const auto columns = static_cast<float>(matrix.columns);
  HeldRow<T, kCount, kPacks> x;
  x.load(matrix.x.row(row), share);

  float mean = 0;
  if (shift != nullptr) {
    for_packs<kPacks>(share, [&](int i, int column) {
      const auto value = x.at(i, column);
#pragma unroll
      for (int j = 0; j < kCount; ++j) mean += value.value[j];
    });
    mean = reduce_row<Sum, kWarpRows>(mean) / columns;
  }
  float squares = 0;
  for_packs<kPacks>(share, [&](int i, int column) {
    const auto value = x.at(i, column);
#pragma unroll
    for (int j = 0; j < kCount; ++j) squares += (value.value[j] - mean) * (value.value[j] - mean);
  });
  const float inverse = 1 / sqrtf(reduce_row<Sum, kWarpRows>(squares) / columns + epsilon);

  for_packs<kPacks>(share, [&](int i, int column) {
    auto value = x.at(i, column);
    const auto g = load_elements<kCount>(gain + column);
    Elements<kCount> s = {};
    if (shift != nullptr) s = load_elements<kCount>(shift + column);
#pragma unroll
    for (int j = 0; j < kCount; ++j)
      value.value[j] = (value.value[j] - mean) * inverse * g.value[j] + s.value[j];
    store_elements(matrix.y.row(row) + column, value);
  });
  if (leads_row<kWarpRows>()) {
    matrix.statistics.row(row)[0] = mean;
    matrix.statistics.row(row)[1] = inverse;
  }
}

// One row of the backward pass, as a thread holds it.
template <typename T, int kCount, int kPacks>
struct GradientRow {
  HeldRow<T, kCount, kPacks> x, gradient;
  float mean, inverse;

  __device__ __forceinline__ void load(const NormRows<T>& matrix, const Rows<T>& gradients, int64_t row,
                                       const Share& share) {
    x.load(matrix.x.row(row), share);
    gradient.load(gradients.row(row), share);
    mean = matrix.statistics.row(row)[0];
    inverse = matrix.statistics.row(row)[1];
  }
  __device__ __forceinline__ static void announce(const NormRows<T>& matrix, const Rows<T>& gradients,
                                                  int64_t row, const Share& share) {
    for_packs<kPacks>(share, [&](int, int column) {
      prefetch(matrix.x.row(row) + column);
      prefetch(gradients.row(row) + column);
    });
  }
};

// A block's sums over its rows, of the thread's own columns. Shares that are held keep them in shared memory,
// each thread's neighbouring in the order that avoids bank conflicts; else they are where they end, in
// `partial`, of one float per column.
template <int kCount, int kPacks>
class ColumnSums {
 public:
  __device__ __forceinline__ ColumnSums(int kind, float* partial)
      : shared_(reinterpret_cast<Part*>(dynamic_shared()) + kind * kParts * static_cast<int>(blockDim.x)),
        partial_(partial) {}

  __device__ __forceinline__ void clear(const Share& share) {
    for_parts(share, [&](Part& sum, float*) { sum = {}; });
  }
  __device__ __forceinline__ void add(int i, int column, const Elements<kCount>& value) {
#pragma unroll
    for (int p = 0; p < kCount / kWidth; ++p) {
      Part sum = at(i, p, column);
#pragma unroll
      for (int j = 0; j < kWidth; ++j) sum.element[j] += value.value[p * kWidth + j];
      at(i, p, column) = sum;
    }
  }
  __device__ __forceinline__ void finish(const Share& share) {
    if constexpr (kPacks > 0) for_parts(share, [&](const Part& sum, float* end) { store_pack(end, sum); });
  }

 private:
  static constexpr int kWidth = kCount < 4 ? kCount : 4;  // floats of one access
  static constexpr int kParts = kPacks * kCount / kWidth;
  using Part = Pack<float, 4 * kWidth>;

  __device__ __forceinline__ Part& at(int i, int p, int column) const {
    if constexpr (kPacks > 0)
      return shared_[(i * (kCount / kWidth) + p) * static_cast<int>(blockDim.x) +
                     static_cast<int>(threadIdx.x)];
    else
      return *reinterpret_cast<Part*>(partial_ + column + p * kWidth);
  }
  template <typename Body>
  __device__ __forceinline__ void for_parts(const Share& share, const Body& body) const {
    for_packs<kPacks>(share, [&](int i, int column) {
#pragma unroll
      for (int p = 0; p < kCount / kWidth; ++p) body(at(i, p, column), partial_ + column + p * kWidth);
    });
  }

  Part* shared_;
  float* partial_;
};

// With n = (x - mean) * inverse and h = gradient * gain:  dx = inverse * (h - mean(h) - n * mean(h * n));
// RMSNorm, which takes no mean off, lacks the term mean(h). matrix.y is dx. partial: (blocks, kinds,
// columns), sums of gradient * n and, where centred, of the gradient. The next row is on its way while this
// one is worked on, where registers suffice; else it is announced to the cache, or, in fp32, neither.
template <int kCount, int kPacks, typename T>
__global__ void __launch_bounds__(kBlockRowThreads)
    norm_gradient_kernel(NormRows<T> matrix, Rows<T> gradients, bool centred, const T* __restrict__ gain,
                         float* partial) {
  constexpr bool kAhead = kCount > 1 && kPacks > 0 && kPacks * kCount <= 8;
  constexpr bool kAnnounced = kCount == 8 && kPacks > 1;
  const Share share = own_share<kCount, false>(matrix.columns);
  const auto columns = static_cast<float>(matrix.columns);
  float* own = partial + static_cast<int64_t>(blockIdx.x) * (centred ? 2 : 1) * matrix.columns;
  ColumnSums<kCount, kPacks> gain_sums(0, own), shift_sums(1, own + matrix.columns);
  gain_sums.clear(share);
  if (centred) shift_sums.clear(share);

  GradientRow<T, kCount, kPacks> row, next;
  if constexpr (kAhead) next.load(matrix, gradients, blockIdx.x, share);
  for (int64_t r = blockIdx.x; r < matrix.rows; r += gridDim.x) {
    if constexpr (kAhead) {
      row = next;
      if (r + gridDim.x < matrix.rows) next.load(matrix, gradients, r + gridDim.x, share);
    } else {
      row.load(matrix, gradients, r, share);
      if (kAnnounced && r + gridDim.x < matrix.rows) row.announce(matrix, gradients, r + gridDim.x, share);
    }
    const auto normal = [&](int i, int column) {
      auto n = row.x.at(i, column);
#pragma unroll
      for (int j = 0; j < kCount; ++j) n.value[j] = (n.value[j] - row.mean) * row.inverse;
      return n;
    };
    float along = 0, offset = 0;
    for_packs<kPacks>(share, [&](int i, int column) {
      const auto n = normal(i, column), dy = row.gradient.at(i, column);
      const auto g = load_elements<kCount>(gain + column);
      Elements<kCount> dg;
#pragma unroll
      for (int j = 0; j < kCount; ++j) {
        dg.value[j] = dy.value[j] * n.value[j];
        along += dg.value[j] * g.value[j];
        offset += dy.value[j] * g.value[j];
      }
      gain_sums.add(i, column, dg);
      if (centred) shift_sums.add(i, column, dy);
    });
    along = reduce_block<Sum>(along) / columns;
    offset = centred ? reduce_block<Sum>(offset) / columns : 0;
    for_packs<kPacks>(share, [&](int i, int column) {
      const auto n = normal(i, column), dy = row.gradient.at(i, column);
      auto g = load_elements<kCount>(gain + column);
#pragma unroll
      for (int j = 0; j < kCount; ++j)
        g.value[j] = row.inverse * (dy.value[j] * g.value[j] - offset - n.value[j] * along);
      store_elements(matrix.y.row(r) + column, g);
    });
  }
  gain_sums.finish(share);
  if (centred) shift_sums.finish(share);
}

// sums[kind][c] += partial[0][kind][c] + partial[1][kind][c] + ...; a block has 32 columns, its warps take
// turns on the rows of `partial`.
__global__ void __launch_bounds__(256)
    add_partials_kernel(const float* partial, int count, int columns, float* gain_sums, float* shift_sums) {
  constexpr int kWarps = 256 / kWarp;
  __shared__ float warp_sums[kWarps][kWarp];
  const int column = static_cast<int>(blockIdx.x) * kWarp + lane_index(), kinds = static_cast<int>(gridDim.y);
  float sum = 0;
  if (column < columns) {
    const float* from = partial + static_cast<int64_t>(blockIdx.y) * columns + column;
#pragma unroll 4
    for (int i = warp_index(); i < count; i += kWarps) sum += from[static_cast<int64_t>(i) * kinds * columns];
  }
  warp_sums[warp_index()][lane_index()] = sum;
  __syncthreads();
  if (warp_index() > 0 || column >= columns) return;
#pragma unroll
  for (int w = 1; w < kWarps; ++w) sum += warp_sums[w][lane_index()];
  (blockIdx.y == 0 ? gain_sums : shift_sums)[column] += sum;
}

// How the backward pass is cut: blocks of as many threads as a row needs, enough of them to fill the device,
// and no more than the partial sums have room for.
LaunchShape gradient_shape(const Matrix& x, int64_t held, int kinds, int64_t processors,
                           int64_t scratch_floats) {
  constexpr int64_t kThreadsPerProcessor = 1024;
  const int64_t warps = held > 0 ? ceil_div(x.columns, held * kWarp) : kBlockRowThreads / kWarp;
  const int64_t threads = warps * kWarp, wanted = processors * (kThreadsPerProcessor / threads);
  const int64_t room = std::max<int64_t>(scratch_floats / (kinds * x.columns), 1);
  return {.blocks_x = std::min({x.rows, wanted, room}),
          .threads = static_cast<int>(threads),
          .shared_bytes = static_cast<size_t>(threads * held * kinds) * sizeof(float)};
}

// Whether the device has shared memory for the sums of `kinds` over so many columns.
bool sums_fit(int64_t columns, int kinds) {
  constexpr int64_t kRounding = 4096, kAlwaysThere = 48 << 10;  // to whole warps; of any device
  const int64_t bytes = columns * kinds * static_cast<int64_t>(sizeof(float)) + kRounding;
  return bytes <= kAlwaysThere || bytes <= static_cast<int64_t>(shared_memory_bytes());
}

// Calls launch_kernel.operator()<kCount, kPacks>() for the fewest packs that hold a row of so many columns in
// a block.
template <int kCount, int kFewPacks, int kManyPacks, typename LaunchKernel>
void with_gradient_packs(int64_t columns, int kinds, const LaunchKernel& launch_kernel) {
  if (!sums_fit(columns, kinds))
    launch_kernel.template operator()<kCount, 0>();
  else if (columns <= kBlockRowThreads * kFewPacks * kCount)
    launch_kernel.template operator()<kCount, kFewPacks>();
  else if (columns <= kBlockRowThreads * kManyPacks * kCount)
    launch_kernel.template operator()<kCount, kManyPacks>();
  else
    launch_kernel.template operator()<kCount, 0>();
}

}  // namespace

template <typename T>
void CudaBackend<T>::norm(const Matrix& x, const Matrix& gain, const Matrix& shift, double epsilon,
                          const Matrix& y, const Matrix& statistics) {
  const NormRows<T> matrix{rows_of<T>(x), rows_of<T>(y), rows_of<float>(statistics), x.rows,
                           static_cast<int>(x.columns)};
  const bool wide = packs_cover<T>(x) && packs_cover<T>(gain) && packs_cover<T>(shift) && packs_cover<T>(y);
  with_row_kernel<T>(wide, x.rows, x.columns,
                     [&]<int kCount, int kPacks, bool kWarpRows>(const LaunchShape& shape) {
                       launch("norm", norm_kernel<kCount, kPacks, kWarpRows, T>, shape, queue_, matrix,
                              static_cast<float>(epsilon), static_cast<const T*>(gain.data),
                              static_cast<const T*>(shift.data));
                     });
}

template <typename T>
void CudaBackend<T>::norm_gradient(const Matrix& gradient, const Matrix& x, const Matrix& statistics,
                                   const Matrix& gain, const Matrix& x_gradient, const Matrix& gain_gradient,
                                   const Matrix& shift_gradient) {
  const bool centred = shift_gradient.data != nullptr;
  const int kinds = centred ? 2 : 1;
  const NormRows<T> matrix{rows_of<T>(x), rows_of<T>(x_gradient), rows_of<float>(statistics), x.rows,
                           static_cast<int>(x.columns)};
  const auto queue_kernels = [&]<int kCount, int kPacks>() {
    const LaunchShape shape =
        gradient_shape(x, kPacks * kCount, kinds, processors_, kScratchBytes / sizeof(float));
    if (shape.blocks_x == 0) return;
    launch("norm gradient", norm_gradient_kernel<kCount, kPacks, T>, shape, queue_, matrix,
           rows_of<T>(gradient), centred, static_cast<const T*>(gain.data), scratch());
    launch("norm gradient, sums", add_partials_kernel,
           {.blocks_x = ceil_div(x.columns, kWarp), .blocks_y = kinds}, queue_, scratch(),
           static_cast<int>(shape.blocks_x), matrix.columns, static_cast<float*>(gain_gradient.data),
           static_cast<float*>(shift_gradient.data));
  };
  constexpr int kPack = Pack<T>::kCount;
  if (packs_cover<T>(gradient) && packs_cover<T>(x) && packs_cover<T>(gain) && packs_cover<T>(x_gradient))
    with_gradient_packs<kPack, 8 / kPack, 16 / kPack>(x.columns, kinds, queue_kernels);
  else
    with_gradient_packs<1, 4, 6>(x.columns, kinds, queue_kernels);
}

template class CudaBackend<float>;
template class CudaBackend<Half>;
template class CudaBackend<Bfloat16>;

}  // namespace paraplan
