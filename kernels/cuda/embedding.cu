// Rows of a table by token, and the gradient of the table.
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/row_kernel.cuh"
#include "kernels/cuda/row_packs.cuh"

namespace paraplan {
namespace {

template <typename T>
struct LookUp {
  const int64_t* tokens;
  int64_t first, table_rows;
  Rows<T> table, out;

  template <int kCount>
  __device__ __forceinline__ PackOf<kCount, T> load(int64_t row, int64_t column) const {
    constexpr int kBytes = kCount * static_cast<int>(sizeof(T));
    const int64_t table_row = tokens[row] - first;
    if (table_row >= 0 && table_row < table_rows) return load_pack<T, kBytes>(table.row(table_row) + column);
    Pack<T, kBytes> zeros;
#pragma unroll
    for (int i = 0; i < kCount; ++i) zeros.element[i] = from_float<T>(0);
    return zeros;
  }
  template <int kCount, typename Loaded>
  __device__ __forceinline__ void finish(int64_t row, int64_t column, const Loaded& loaded) const {
    store_pack(out.row(row) + column, loaded);
  }
};

// The gradient of a token table without atomics: table row i belongs to the blocks with blockIdx.x = i modulo
// `owners`, each for its own columns. A block looks through all tokens, kBatch at a time, for those that it
// owns, and adds their rows in an order that depends on the tokens alone. So the result is the same every
// time, and a token that is everywhere costs no contention: its sum stays in registers. Looking through the
// tokens costs 8 bytes from the second-level cache per token and block, about as much as the gradient itself.
constexpr int kLooks = 8, kBatch = kLooks * kPackThreads;
constexpr uint32_t kNowhere = 0xffffffffu;

template <typename T>
struct TableGradient {
  const int64_t* tokens;
  int64_t first;
  Rows<T> gradient;
  uint32_t rows, columns;
  Rows<float> table;
  int64_t table_rows;
  Divider owners;
};

struct Found {
  uint32_t row[kBatch], table_row[kBatch];
};

// Sum over the threads before this one; `total` of the block. Calls __syncthreads().
__device__ __forceinline__ uint32_t sum_before(uint32_t value, uint32_t& total) {
  __shared__ uint32_t of_warp[kPackThreads / kWarp];
  const int lane = lane_index(), warp = warp_index();
  uint32_t sum = value;
#pragma unroll
  for (int distance = 1; distance < kWarp; distance *= 2) {
    const uint32_t other = shuffle(sum, lane >= distance ? lane - distance : lane);
    if (lane >= distance) sum += other;
  }
  if (lane == kWarp - 1) of_warp[warp] = sum;
  __syncthreads();
  total = 0;
  uint32_t before = sum - value;
#pragma unroll
  for (int w = 0; w < kPackThreads / kWarp; ++w) {
    before += w < warp ? of_warp[w] : 0;
    total += of_warp[w];
  }
  return before;
}

// Lists the tokens of a batch whose table rows this block owns; returns how many.
template <typename T>
__device__ __forceinline__ uint32_t find_owned(const TableGradient<T>& g, uint32_t batch, Found& found) {
  uint32_t table_row[kLooks], count = 0;
#pragma unroll
  for (int i = 0; i < kLooks; ++i) {
    const uint32_t row = batch + static_cast<uint32_t>(i) * kPackThreads + threadIdx.x;
    const int64_t wanted = row < g.rows ? g.tokens[row] - g.first : -1;
    table_row[i] = wanted >= 0 && wanted < g.table_rows ? static_cast<uint32_t>(wanted) : kNowhere;
    if (g.owners.remainder(table_row[i], g.owners.quotient(table_row[i])) != blockIdx.x)
      table_row[i] = kNowhere;
    count += table_row[i] != kNowhere ? 1 : 0;
  }
  uint32_t total, place = sum_before(count, total);
#pragma unroll
  for (int i = 0; i < kLooks; ++i) {
    if (table_row[i] == kNowhere) continue;
    found.row[place] = batch + static_cast<uint32_t>(i) * kPackThreads + threadIdx.x;
    found.table_row[place++] = table_row[i];
  }
  __syncthreads();
  return total;
}

template <int kCount, typename T>
__device__ __forceinline__ void add_found(const TableGradient<T>& g, const Found& found, uint32_t count,
                                          uint32_t column) {
  Elements<kCount> sum{};
  for (uint32_t first = 0; first < count; first += kPacksInFlight) {
    Elements<kCount> term[kPacksInFlight];
#pragma unroll
    for (uint32_t i = 0; i < kPacksInFlight; ++i)
      if (first + i < count) {
        term[i] = load_elements<kCount>(g.gradient.row(found.row[first + i]) + column);
        prefetch(g.table.row(found.table_row[first + i]) + column);
      }
#pragma unroll
    for (uint32_t i = 0; i < kPacksInFlight; ++i) {
      if (first + i >= count) continue;
      const uint32_t row = found.table_row[first + i];
      add_to(sum, term[i]);
      if (first + i + 1 < count && found.table_row[first + i + 1] == row) continue;
      add_to(g.table.row(row) + column, sum);
      sum = {};
    }
  }
}

template <int kCount, typename T>
__global__ void __launch_bounds__(kPackThreads) table_gradient_kernel(TableGradient<T> g) {
  __shared__ Found found;
  const uint32_t column = (blockIdx.y * blockDim.x + threadIdx.x) * kCount;
  for (uint32_t batch = 0; batch < g.rows; batch += kBatch) {
    const uint32_t count = find_owned(g, batch, found);
    if (column < g.columns) add_found<kCount>(g, found, count, column);
    __syncthreads();
  }
}

uint32_t u32(int64_t x) {
  return static_cast<uint32_t>(x);
}

}  // namespace

template <typename T>
void CudaBackend<T>::embedding(const int64_t* tokens, int64_t first, const Matrix& table, const Matrix& out) {
  for_elements<T>("embedding", out, {table, out},
                  LookUp<T>{tokens, first, table.rows, rows_of<T>(table), rows_of<T>(out)}, queue_);
}

template <typename T>
void CudaBackend<T>::embedding_gradient(const int64_t* tokens, int64_t first, const Matrix& gradient,
                                        const Matrix& table_gradient) {
  const bool wide = gradient.columns % kFour == 0 && aligned_for<T>(gradient, kFour) &&
                    aligned_for<float>(table_gradient, kFour);
  const int64_t column_blocks = ceil_div(gradient.columns, kPackThreads * (wide ? kFour : 1));
  if (gradient.rows == 0 || column_blocks == 0 || table_gradient.rows == 0) return;
  constexpr int64_t kBlocksPerProcessor = 8;
  const int64_t owners =
      std::min(ceil_div(kBlocksPerProcessor * processors_, column_blocks), table_gradient.rows);
  const TableGradient<T> work{tokens,
                              first,
                              rows_of<T>(gradient),
                              u32(gradient.rows),
                              u32(gradient.columns),
                              rows_of<float>(table_gradient),
                              table_gradient.rows,
                              Divider(owners)};
  launch("embedding_gradient", wide ? table_gradient_kernel<kFour, T> : table_gradient_kernel<1, T>,
         {.blocks_x = owners, .blocks_y = column_blocks, .threads = kPackThreads}, queue_, work);
}

template class CudaBackend<float>;
template class CudaBackend<Half>;
template class CudaBackend<Bfloat16>;

}  // namespace paraplan
