// Rows of a table by position, and the gradient of the table.
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/row_kernel.cuh"
#include "kernels/cuda/row_packs.cuh"

namespace paraplan {
namespace {

// Where rows of a matrix lie in their samples.
struct Places {
  uint32_t first_row, first_token;  // first_row less whole samples
  Divider tokens, tokens_per_row;

  Places(const RowMap& map, int64_t positions_per_table_row)
      : first_row(static_cast<uint32_t>(map.first_row % map.tokens)),
        first_token(static_cast<uint32_t>(map.first_token)),
        tokens(map.tokens),
        tokens_per_row(positions_per_table_row) {}

  __device__ __forceinline__ uint32_t table_row(uint32_t row) const {
    const uint32_t place = row + first_row;
    return tokens_per_row.quotient(first_token + tokens.remainder(place, tokens.quotient(place)));
  }
};

template <typename T>
struct AddPosition {
  Places places;
  Rows<T> table, x;

  template <int kCount>
  struct Loaded {
    Pack<T, kCount*static_cast<int>(sizeof(T))> x, table;
  };

  template <int kCount>
  __device__ __forceinline__ Loaded<kCount> load(int64_t row, int64_t column) const {
    constexpr int kBytes = kCount * static_cast<int>(sizeof(T));
    return Loaded<kCount>{
        load_pack<T, kBytes>(x.row(row) + column),
        load_pack<T, kBytes>(table.row(places.table_row(static_cast<uint32_t>(row))) + column)};
  }
  template <int kCount>
  __device__ __forceinline__ void finish(int64_t row, int64_t column, const Loaded<kCount>& loaded) const {
    auto sum = loaded.x;
#pragma unroll
    for (int i = 0; i < kCount; ++i)
      sum.element[i] = from_float<T>(to_float(sum.element[i]) + to_float(loaded.table.element[i]));
    store_pack(x.row(row) + column, sum);
  }
};

// The gradient of a position table: a table row takes the places [begin, end) of every sample. They are dealt
// out to `parts`, each summed by the threads of one unit of work per pack of columns; with one part the sum
// goes to the table, with several to partial[part][table row], which a second kernel adds up in order.
template <typename T>
struct PositionGradient {
  Rows<T> gradient;
  uint32_t rows, samples, units;
  uint32_t first_row, first_token, tokens, tokens_per_row;
  uint32_t first_table_row, table_rows, parts;
  Divider packs;
  Rows<float> sums;  // row part * table_rows + table row, from first_table_row on
};

template <int kCount, typename T>
__device__ __forceinline__ Elements<kCount> sum_places(const PositionGradient<T>& g, uint32_t table_row,
                                                       uint32_t part, uint32_t column) {
  const int64_t start = (static_cast<int64_t>(g.first_table_row) + table_row) * g.tokens_per_row;
  const int64_t from = start - g.first_token, to = from + g.tokens_per_row;
  const auto begin = static_cast<uint32_t>(from > 0 ? from : 0);
  const uint32_t length = static_cast<uint32_t>(to < g.tokens ? to : g.tokens) - begin;
  const uint64_t places = static_cast<uint64_t>(length) * g.samples;
  const bool all = g.parts == 1;  // 64-bit divisions would cost more than a short sum
  const auto place = all ? 0 : static_cast<uint32_t>(places * part / g.parts);
  const auto last = static_cast<uint32_t>(all ? places : places * (part + 1) / g.parts);
  uint32_t in_sample = place % length;
  int64_t row = static_cast<int64_t>(place / length) * g.tokens + begin + in_sample - g.first_row;
  Elements<kCount> sum{};
  for (uint32_t next = place; next < last; next += kPacksInFlight) {
    Elements<kCount> term[kPacksInFlight]{};
#pragma unroll
    for (uint32_t i = 0; i < kPacksInFlight; ++i) {
      if (next + i < last && row >= 0 && row < g.rows)
        term[i] = load_elements<kCount>(g.gradient.row(row) + column);
      const bool wraps = ++in_sample == length;
      row += wraps ? g.tokens - length + 1 : 1;
      if (wraps) in_sample = 0;
    }
#pragma unroll
    for (const Elements<kCount>& t : term) add_to(sum, t);
  }
  return sum;
}

template <int kCount, typename T>
__global__ void __launch_bounds__(kPackThreads) position_gradient_kernel(PositionGradient<T> g) {
  const uint32_t unit = blockIdx.x * blockDim.x + threadIdx.x;
  if (unit >= g.units) return;
  const uint32_t row = g.packs.quotient(unit), column = g.packs.remainder(unit, row) * kCount;
  const uint32_t part = row / g.table_rows, table_row = row % g.table_rows;
  const Elements<kCount> sum = sum_places<kCount>(g, table_row, part, column);
  if (g.parts == 1)
    add_to(g.sums.row(g.first_table_row + table_row) + column, sum);
  else
    store_elements(g.sums.row(row) + column, sum);
}

// A block adds the parts of 32 columns of a table row: warp w takes every kPartWarps-th part from w on.
constexpr int kPartWarps = 32;

__global__ void __launch_bounds__(kPartWarps* kWarp)
    add_parts_kernel(Rows<float> partial, uint32_t parts, uint32_t columns, Rows<float> table) {
  __shared__ float sums[kPartWarps][kWarp];
  const uint32_t column = blockIdx.y * kWarp + threadIdx.x % kWarp;
  float sum = 0;
  if (column < columns)
#pragma unroll 4
    for (uint32_t part = threadIdx.x / kWarp; part < parts; part += kPartWarps)
      sum += partial.row(static_cast<int64_t>(part) * gridDim.x + blockIdx.x)[column];
  sums[warp_index()][lane_index()] = sum;
  __syncthreads();
  if (warp_index() != 0 || column >= columns) return;
  for (int warp = 1; warp < kPartWarps; ++warp) sum += sums[warp][lane_index()];
  table.row(blockIdx.x)[column] += sum;
}

// Parts of so many rows that they fill the device; no more than have a few rows each and fit the scratch.
int64_t count_parts(int64_t rows_each, int64_t units, int64_t processors, int64_t most) {
  constexpr int64_t kThreads = 1024, kLeastRows = 16;
  const int64_t wanted = std::min(ceil_div(kThreads * processors, units), rows_each / kLeastRows);
  return std::max<int64_t>(std::min(wanted, most), 1);
}

uint32_t u32(int64_t x) {
  return static_cast<uint32_t>(x);
}

}  // namespace

template <typename T>
void CudaBackend<T>::position_embedding(const RowMap& map, int64_t tokens_per_row, const Matrix& table,
                                        const Matrix& x) {
  for_elements<T>("position_embedding", x, {table, x},
                  AddPosition<T>{Places(map, tokens_per_row), rows_of<T>(table), rows_of<T>(x)}, queue_);
}

template <typename T>
void CudaBackend<T>::position_embedding_gradient(const RowMap& map, int64_t tokens_per_row,
                                                 const Matrix& gradient, const Matrix& table_gradient) {
  const bool wide = gradient.columns % kFour == 0 && aligned_for<T>(gradient, kFour) &&
                    aligned_for<float>(table_gradient, kFour);
  if (gradient.rows == 0) return;
  const int64_t columns = gradient.columns, packs = columns / (wide ? kFour : 1);
  const int64_t first_row = map.first_row % map.tokens,
                samples = ceil_div(first_row + gradient.rows, map.tokens);
  const int64_t begin = map.first_token / tokens_per_row;
  const int64_t end = (map.first_token + map.tokens - 1) / tokens_per_row + 1;
  const Rows<float> table = rows_of<float>(table_gradient), partial{scratch(), columns};
  for_row_slices(end - begin, packs, [&](int64_t first, int64_t rows) {
    const int64_t most = static_cast<int64_t>(kScratchBytes / sizeof(float)) / (rows * columns);
    const int64_t parts =
        count_parts(std::min(map.tokens, tokens_per_row) * samples, rows * packs, processors_, most);
    const int64_t units = rows * parts * packs;
    const PositionGradient<T> work{rows_of<T>(gradient),
                                   u32(gradient.rows),
                                   u32(samples),
                                   u32(units),
                                   u32(first_row),
                                   u32(map.first_token),
                                   u32(map.tokens),
                                   u32(tokens_per_row),
                                   u32(begin + first),
                                   u32(rows),
                                   u32(parts),
                                   Divider(packs),
                                   parts == 1 ? table : partial};
    launch("position_embedding_gradient",
           wide ? position_gradient_kernel<kFour, T> : position_gradient_kernel<1, T>,
           {.blocks_x = ceil_div(units, kPackThreads), .threads = kPackThreads}, queue_, work);
    if (parts == 1) return;
    launch("position_embedding_gradient", add_parts_kernel,
           {.blocks_x = rows, .blocks_y = ceil_div(columns, kWarp), .threads = kPartWarps * kWarp}, queue_,
           partial, u32(parts), u32(columns),
           Rows<float>{table.data + (begin + first) * table.stride, table.stride});
  });
}

template class CudaBackend<float>;
template class CudaBackend<Half>;
template class CudaBackend<Bfloat16>;

}  // namespace paraplan
