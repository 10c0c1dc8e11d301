// Column sums.
#include <algorithm>
#include <bit>

#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/row_kernel.cuh"

namespace paraplan {
namespace {

constexpr int kThreads = 256;
constexpr int kLoads = 4;  // under way in each thread

// Strips of columns, cut into chunks of rows: one block each.
struct SumShape {
  int64_t rows, columns;
  int lanes;  // threads side by side on a row, a power of two; the others of a block take other rows
  int64_t chunk_rows;
};

// sum += what a thread sees of its pack of columns: every lines-th row from `from` on, `rows` of them.
template <int kCount, typename V>
__device__ __forceinline__ void sum_rows(const V* from, int64_t step, int64_t rows, float (&sum)[kCount]) {
  for (; rows >= kLoads; rows -= kLoads, from += kLoads * step) {
    PackOf<kCount, V> packs[kLoads];
#pragma unroll
    for (int k = 0; k < kLoads; ++k) packs[k] = load_packed<kCount>(from + k * step);
#pragma unroll
    for (int k = 0; k < kLoads; ++k)
#pragma unroll
      for (int i = 0; i < kCount; ++i) sum[i] += to_float(packs[k].element[i]);
  }
  for (; rows > 0; --rows, from += step) {
    const auto values = load_elements<kCount>(from);
#pragma unroll
    for (int i = 0; i < kCount; ++i) sum[i] += values.value[i];
  }
}

// Sums of the threads of one lane, left in those of the first line.
template <int kCount>
__device__ __forceinline__ void reduce_lines(int lanes, float (&sum)[kCount]) {
  __shared__ float partial[kCount][kThreads];
  const int thread = static_cast<int>(threadIdx.x);
  for (int half = kThreads / 2; half >= lanes; half /= 2) {
    if (thread >= half && thread < 2 * half)
#pragma unroll
      for (int i = 0; i < kCount; ++i) partial[i][thread] = sum[i];
    __syncthreads();
    if (thread < half)
#pragma unroll
      for (int i = 0; i < kCount; ++i) sum[i] += partial[i][thread + half];
  }
}

// Row blockIdx.y of `to` gets the column sums of a chunk, or they are added to it.
template <int kCount, typename V>
__global__ void __launch_bounds__(kThreads)
    column_sum_kernel(Rows<V> from, SumShape shape, float* to, bool adds) {
  const int thread = static_cast<int>(threadIdx.x), lines = kThreads / shape.lanes;
  const int lane = thread & (shape.lanes - 1), line = thread / shape.lanes;
  const int64_t column = (static_cast<int64_t>(blockIdx.x) * shape.lanes + lane) * kCount;
  const int64_t first = blockIdx.y * shape.chunk_rows + line;
  const int64_t end = std::min(shape.rows, (blockIdx.y + 1) * shape.chunk_rows);
  float sum[kCount] = {};
  if (column < shape.columns && first < end) {
    const uint32_t rows = static_cast<uint32_t>(end - first - 1) / static_cast<uint32_t>(lines) + 1;
    sum_rows<kCount>(from.row(first) + column, lines * from.stride, rows, sum);
  }
  reduce_lines<kCount>(shape.lanes, sum);
  if (line != 0 || column >= shape.columns) return;
  float* result = to + blockIdx.y * shape.columns + column;
#pragma unroll
  for (int i = 0; i < kCount; ++i) result[i] = adds ? result[i] + sum[i] : sum[i];
}

// Queues the column sums of m in as many chunks as fill the device, at most `most`; returns how many. One
// chunk is added to `sums`, several are written to rows of `partial`.
template <int kCount, typename V>
int64_t sum_columns(const Matrix& m, int64_t wanted_blocks, int64_t most, float* partial, float* sums,
                    QueueHandle queue) {
  const int64_t packs = m.columns / kCount;
  const int lanes = static_cast<int>(std::bit_ceil(static_cast<uint64_t>(std::min<int64_t>(packs, kWarp))));
  const int64_t strips = ceil_div(packs, lanes);
  const int64_t useful = ceil_div(m.rows, kThreads / lanes * kLoads);
  const int64_t wanted = std::max<int64_t>(1, std::min({wanted_blocks / strips, useful, most}));
  const int64_t chunk_rows = ceil_div(m.rows, wanted), chunks = ceil_div(m.rows, chunk_rows);
  launch("bias_gradient", column_sum_kernel<kCount, V>,
         {.blocks_x = strips, .blocks_y = chunks, .threads = kThreads}, queue, rows_of<V>(m),
         SumShape{m.rows, m.columns, lanes, chunk_rows}, chunks == 1 ? sums : partial, chunks == 1);
  return chunks;
}

}  // namespace

template <typename T>
void CudaBackend<T>::bias_gradient(const Matrix& gradient, const Matrix& bias_gradient) {
  if (gradient.elements() == 0) return;
  constexpr int64_t kBlocksPerProcessor = 8;
  const int64_t blocks = kBlocksPerProcessor * processors_, columns = gradient.columns;
  const int64_t most = static_cast<int64_t>(kScratchBytes / sizeof(float)) / columns;
  auto* sums = static_cast<float*>(bias_gradient.data);
  const auto sum = packs_cover<T>(gradient) ? sum_columns<Pack<T>::kCount, T> : sum_columns<1, T>;
  const int64_t chunks = sum(gradient, blocks, most, scratch(), sums, queue_);
  if (chunks > 1)
    sum_columns<1, float>({scratch(), chunks, columns, columns}, blocks, 1, nullptr, sums, queue_);
}

template class CudaBackend<float>;
template class CudaBackend<Half>;
template class CudaBackend<Bfloat16>;

}  // namespace paraplan
