// Cross entropy over rows of logits, which are long and may be few: a row is cut into parts, one per block.
// The logits are read as they are, once per pass; parts of a row's maximum or sum meet in a second kernel.
#include <algorithm>

#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/row_share.cuh"

namespace paraplan {
namespace {

constexpr int kLossThreads = 256;
constexpr int kTileElements = 16;                    // of a thread, loaded together
constexpr int kTile = kLossThreads * kTileElements;  // columns that a block works on together

// Blocks that a device should get at least: several rounds of the eight that run together, so that few idle
// at the end.
constexpr int64_t kBlocksPerProcessor = 32;

// A rank's logits; `valid` of their columns stand for entries of the vocabulary.
template <typename T>
struct Logits {
  Rows<T> rows;
  int columns, valid;
  int64_t first;
  const int64_t* targets;

  // Column of a row's target; negative: none here.
  __device__ __forceinline__ int target_column(int64_t row) const {
    const int64_t column = targets[row] - first;
    return column >= 0 && column < valid ? static_cast<int>(column) : -1;
  }
};

template <typename T>
Logits<T> logits_of(const Matrix& logits, int64_t first, int64_t vocab, const int64_t* targets) {
  const int64_t valid = std::clamp<int64_t>(vocab - first, 0, logits.columns);
  return {rows_of<T>(logits), static_cast<int>(logits.columns), static_cast<int>(valid), first, targets};
}

// Rows cut into parts of whole tiles; block b has part b % count of row b / count.
struct Parts {
  int count;
  int columns;  // of a part; fewer in the last

  __device__ __forceinline__ int64_t row() const { return blockIdx.x / static_cast<unsigned>(count); }
  __device__ __forceinline__ int begin() const {
    return static_cast<int>(blockIdx.x % static_cast<unsigned>(count)) * columns;
  }
};

// As many parts as give `blocks` blocks, if the rows are long enough.
Parts parts_of(int64_t rows, int64_t columns, int64_t blocks) {
  const int64_t tiles = std::max<int64_t>(ceil_div(columns, kTile), 1);
  const int64_t wanted = std::clamp<int64_t>(ceil_div(blocks, std::max<int64_t>(rows, 1)), 1, tiles);
  const int64_t tiles_of_part = ceil_div(tiles, wanted);
  return {static_cast<int>(ceil_div(tiles, tiles_of_part)), static_cast<int>(tiles_of_part * kTile)};
}

// Calls body(value) for the columns [begin, end) of a row that fall to this thread; begin is a multiple
// of kCount, and packs may reach past end.
template <int kCount, typename T, typename Body>
__device__ __forceinline__ void for_values(const T* row, int begin, int end, const Body& body) {
  constexpr int kPacks = kTileElements / kCount;
  for (int tile = begin; tile < end; tile += kTile) {
    const Share share{tile + static_cast<int>(threadIdx.x) * kCount, kLossThreads * kCount, end};
    HeldRow<T, kCount, kPacks> x;
    x.load(row, share);
    for_packs<kPacks>(share, [&](int i, int column) {
      const auto value = x.at(i, column);
#pragma unroll
      for (int j = 0; j < kCount; ++j)
        if (column + j < end) body(value.value[j]);
    });
  }
}

template <int kCount, typename T>
__global__ void __launch_bounds__(kLossThreads)
    maximum_kernel(Logits<T> logits, Parts parts, Rows<float> maximum) {
  const int64_t row = parts.row();
  const int begin = parts.begin(), end = std::min(begin + parts.columns, logits.valid);
  float most = Maximum::kNeutral;
  for_values<kCount>(logits.rows.row(row), begin, end, [&](float x) { most = Maximum{}(most, x); });
  most = reduce_block<Maximum>(most);
  if (threadIdx.x == 0) maximum.row(row)[begin / parts.columns] = most;
}

template <int kCount, typename T>
__global__ void __launch_bounds__(kLossThreads)
    sum_kernel(Logits<T> logits, Parts parts, Rows<float> maximum, Rows<float> sum, Rows<float> target) {
  const int64_t row = parts.row();
  const int begin = parts.begin(), end = std::min(begin + parts.columns, logits.valid);
  const float most = *maximum.row(row);
  float all = 0;
  for_values<kCount>(logits.rows.row(row), begin, end,
                     [&](float x) { all += exp2_fast((x - most) * kLog2E); });
  all = reduce_block<Sum>(all);
  if (threadIdx.x != 0) return;
  sum.row(row)[begin / parts.columns] = all;
  if (begin > 0) return;
  const int column = logits.target_column(row);
  *target.row(row) = column < 0 ? 0 : to_float(logits.rows.row(row)[column]) - most;
}

// result[r] = parts (r, 0) o ... o parts (r, count - 1); a warp has a row.
template <typename Operation>
__global__ void __launch_bounds__(kLossThreads)
    join_parts_kernel(Rows<float> parts, int count, int64_t rows, Rows<float> result) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * (kLossThreads / kWarp) + warp_index();
  if (row >= rows) return;
  float value = Operation::kNeutral;
  for (int i = lane_index(); i < count; i += kWarp) value = Operation{}(value, parts.row(row)[i]);
  value = reduce_lanes<Operation>(value);
  if (lane_index() == 0) *result.row(row) = value;
}

// Calls queue_parts(where) with the place that parts' results belong to, and joins them where they are
// several.
template <typename Operation, typename QueueParts>
void reduce_parts(const Parts& parts, const Matrix& result, float* scratch, QueueHandle queue,
                  const QueueParts& queue_parts) {
  const Rows<float> whole = rows_of<float>(result), partial{scratch, parts.count};
  queue_parts(parts.count == 1 ? whole : partial);
  if (parts.count > 1)
    launch("parts of the loss", join_parts_kernel<Operation>,
           {.blocks_x = ceil_div(result.rows, kLossThreads / kWarp), .threads = kLossThreads}, queue, partial,
           parts.count, result.rows, whole);
}

// One block, so that the sum has one order whatever the device. Sums of exponentials are at least about 1:
// the logarithm in fp32 is exact enough, what adds up is kept in fp64.
constexpr int kTotalThreads = 1024;

__global__ void __launch_bounds__(kTotalThreads)
    cross_entropy_kernel(const int64_t* targets, int64_t rows, double scale, Rows<float> sum,
                         Rows<float> target, double* total) {
  double loss = 0;
#pragma unroll 4
  for (int64_t row = threadIdx.x; row < rows; row += kTotalThreads)
    if (targets[row] >= 0)
      loss += static_cast<double>(logf(*sum.row(row))) - static_cast<double>(*target.row(row));
  loss = reduce_block<Sum>(loss);
  if (threadIdx.x == 0) *total += scale * loss;
}

template <int kCount, typename T>
__global__ void __launch_bounds__(kLossThreads)
    gradient_kernel(Logits<T> logits, Parts parts, float scale, Rows<float> maximum, Rows<float> sum) {
  constexpr int kPacks = kTileElements / kCount;
  const int64_t row = parts.row();
  const int begin = parts.begin(), end = std::min(begin + parts.columns, logits.columns);
  const int valid = logits.targets[row] < 0 ? 0 : std::min(logits.valid, end),
            target = logits.target_column(row);
  const float most = *maximum.row(row), factor = scale / *sum.row(row);
  T* values = logits.rows.row(row);
  for (int tile = begin; tile < end; tile += kTile) {
    const Share all{tile + static_cast<int>(threadIdx.x) * kCount, kLossThreads * kCount, end};
    const Share counted{all.first, all.step, valid};
    HeldRow<T, kCount, kPacks> x;
    x.load(values, counted);
    for_packs<kPacks>(all, [&](int i, int column) {
      Elements<kCount> result = {};
      if (column < valid) {
        const auto value = x.at(i, column);
#pragma unroll
        for (int j = 0; j < kCount; ++j)
          if (column + j < valid)
            result.value[j] =
                exp2_fast((value.value[j] - most) * kLog2E) * factor - (column + j == target ? scale : 0);
      }
      store_elements(values + column, result);
    });
  }
}

}  // namespace

template <typename T>
void CudaBackend<T>::loss_maximum(const Matrix& logits, int64_t first, int64_t vocab, const Matrix& maximum) {
  const Logits<T> work = logits_of<T>(logits, first, vocab, nullptr);
  const Parts parts = parts_of(logits.rows, work.valid, kBlocksPerProcessor * processors_);
  const auto kernel = packs_cover<T>(logits) ? maximum_kernel<Pack<T>::kCount, T> : maximum_kernel<1, T>;
  reduce_parts<Maximum>(parts, maximum, scratch(), queue_, [&](const Rows<float>& where) {
    launch("loss maximum", kernel, {.blocks_x = logits.rows * parts.count, .threads = kLossThreads}, queue_,
           work, parts, where);
  });
}

template <typename T>
void CudaBackend<T>::loss_sum(const Matrix& logits, int64_t first, int64_t vocab, const int64_t* targets,
                              const Matrix& maximum, const Matrix& sum, const Matrix& target) {
  const Logits<T> work = logits_of<T>(logits, first, vocab, targets);
  const Parts parts = parts_of(logits.rows, work.valid, kBlocksPerProcessor * processors_);
  const auto kernel = packs_cover<T>(logits) ? sum_kernel<Pack<T>::kCount, T> : sum_kernel<1, T>;
  reduce_parts<Sum>(parts, sum, scratch(), queue_, [&](const Rows<float>& where) {
    launch("loss sum", kernel, {.blocks_x = logits.rows * parts.count, .threads = kLossThreads}, queue_, work,
           parts, rows_of<float>(maximum), where, rows_of<float>(target));
  });
}

template <typename T>
void CudaBackend<T>::cross_entropy(const int64_t* targets, double scale, const Matrix& sum,
                                   const Matrix& target, double* total) {
  launch("cross entropy", cross_entropy_kernel, {.blocks_x = 1, .threads = kTotalThreads}, queue_, targets,
         sum.rows, scale, rows_of<float>(sum), rows_of<float>(target), total);
}

template <typename T>
void CudaBackend<T>::cross_entropy_gradient(int64_t first, int64_t vocab, const int64_t* targets,
                                            double scale, const Matrix& maximum, const Matrix& sum,
                                            const Matrix& logits) {
  const Parts parts = parts_of(logits.rows, logits.columns, kBlocksPerProcessor * processors_);
  const auto kernel = packs_cover<T>(logits) ? gradient_kernel<Pack<T>::kCount, T> : gradient_kernel<1, T>;
  launch("cross entropy gradient", kernel, {.blocks_x = logits.rows * parts.count, .threads = kLossThreads},
         queue_, logits_of<T>(logits, first, vocab, targets), parts, static_cast<float>(scale),
         rows_of<float>(maximum), rows_of<float>(sum));
}

template class CudaBackend<float>;
template class CudaBackend<Half>;
template class CudaBackend<Bfloat16>;

}  // namespace paraplan
