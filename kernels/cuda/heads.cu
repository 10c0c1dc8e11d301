// The order of heads, and rotary positions.
#include <cassert>
#include <cmath>
#include <numbers>

#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/row_kernel.cuh"
#include "kernels/cuda/row_packs.cuh"

namespace paraplan {
namespace {

// Moves packs between a context (B * H * T, width) and merged rows (B * T, H * width); rows and columns are
// those of the merged matrix.
template <typename T, bool kMerge>
struct MoveHeads {
  Rows<T> context, merged;
  Divider width, queries;
  uint32_t heads;

  MoveHeads(const AttentionShape& shape, const Matrix& context_matrix, const Matrix& merged_matrix)
      : context(rows_of<T>(context_matrix)),
        merged(rows_of<T>(merged_matrix)),
        width(shape.width),
        queries(shape.queries),
        heads(static_cast<uint32_t>(shape.heads)) {}

  __device__ __forceinline__ T* in_context(uint32_t row, uint32_t column) const {
    const uint32_t head = width.quotient(column), sample = queries.quotient(row);
    const int64_t first = (static_cast<int64_t>(sample) * heads + head) * queries.divisor();
    return context.row(first + queries.remainder(row, sample)) + width.remainder(column, head);
  }
  __device__ __forceinline__ T* in_merged(uint32_t row, uint32_t column) const {
    return merged.row(row) + column;
  }

  template <int kCount>
  __device__ __forceinline__ PackOf<kCount, T> load(int64_t row, int64_t column) const {
    const T* from = place<!kMerge>(row, column);
    return load_pack<T, kCount* static_cast<int>(sizeof(T))>(from);
  }
  template <int kCount, typename Loaded>
  __device__ __forceinline__ void finish(int64_t row, int64_t column, const Loaded& loaded) const {
    store_pack(place<kMerge>(row, column), loaded);
  }
  // Of an element of the merged matrix, there or in the context.
  template <bool kMerged>
  __device__ __forceinline__ T* place(int64_t row, int64_t column) const {
    const auto r = static_cast<uint32_t>(row), c = static_cast<uint32_t>(column);
    return kMerged ? in_merged(r, c) : in_context(r, c);
  }
};

template <typename T, bool kMerge>
void move_heads(const char* name, const AttentionShape& shape, const Matrix& context, const Matrix& merged,
                QueueHandle queue) {
  for_elements<T>(name, merged, {context, merged}, MoveHeads<T, kMerge>(shape, context, merged), queue);
}

// Rotary angles. The host computes how far pair i turns per position, base^(-2 i / width) / (2 pi) turns, in
// double, and rounds its fraction to a multiple of 2^-64 turns. Position times that, in integers that drop
// whole turns by overflow, is off by less than 2^-31 turns (3e-9 radians) at any position below 2^32; no
// double is needed on the device. The upper 32 bits give the nearest quarter turn exactly and a rest of at
// most pi / 4, whose sine and cosine are polynomials (Moshier's Cephes, sinf.c; off by 1e-7).
constexpr int kPairs = 256;  // of one launch: the table is a parameter of the kernel
constexpr int kHeads = 4;    // of a thread, which turn by the same angles

struct TurnTable {
  uint64_t per_position[kPairs];  // in 2^-64 turns
};

TurnTable turn_table(int64_t width, double base, bool inverse, int64_t first_pair, int64_t pairs) {
  TurnTable table{};
  for (int64_t i = 0; i < pairs; ++i) {
    const double pair = static_cast<double>(first_pair + i);
    const double turns =
        std::pow(base, -2 * pair / static_cast<double>(width)) * (0.5 * std::numbers::inv_pi);
    const auto fraction = static_cast<uint64_t>(std::ldexp(turns - std::floor(turns), 64));
    table.per_position[i] = inverse ? 0 - fraction : fraction;
  }
  return table;
}

struct Turn {
  float cosine, sine;
};

// Of an angle in 2^-32 turns.
__device__ __forceinline__ Turn turn_by(uint32_t angle) {
  constexpr float kUnit = static_cast<float>(std::numbers::pi / 2147483648.0);
  const uint32_t quarter = (angle + (1u << 29)) >> 30;
  const float x = static_cast<float>(static_cast<int32_t>(angle - (quarter << 30))) * kUnit, y = x * x;
  const float sine = x + x * y * (-1.6666654611e-1f + y * (8.3321608736e-3f - y * 1.9515295891e-4f));
  const float cosine =
      1 - 0.5f * y +
      y * y * (4.166664568298827e-2f + y * (-1.388731625493765e-3f + y * 2.443315711809948e-5f));
  const float even = quarter % 2 == 0 ? cosine : -sine, odd = quarter % 2 == 0 ? sine : cosine;
  return quarter / 2 == 0 ? Turn{even, odd} : Turn{-even, -odd};
}

// A unit of work: one pack of pairs, in the heads group, group + head_groups, ... of one row.
template <typename T>
struct Rotary {
  Rows<T> rows;
  uint32_t units, first_row;
  uint32_t row_in_sample, first_token;  // of row 0: its place in its sample; position of a sample's first row
  Divider tokens, units_per_row, packs;
  uint32_t heads, head_groups, width, first_pair, pairs;
  TurnTable table;
};

template <int kCount, typename T>
__device__ __forceinline__ void turn_pack(const Turn (&turns)[kCount], Pack<T, kCount * sizeof(T)>& low,
                                          Pack<T, kCount * sizeof(T)>& high) {
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    const float x = to_float(low.element[i]), y = to_float(high.element[i]);
    low.element[i] = from_float<T>(x * turns[i].cosine - y * turns[i].sine);
    high.element[i] = from_float<T>(y * turns[i].cosine + x * turns[i].sine);
  }
}

template <int kCount, typename T>
__device__ __forceinline__ void turn_unit(const Rotary<T>& r, const uint64_t* per_position, uint32_t unit) {
  constexpr int kBytes = kCount * static_cast<int>(sizeof(T));
  const uint32_t row = r.units_per_row.quotient(unit), in_row = r.units_per_row.remainder(unit, row);
  const uint32_t group = r.packs.quotient(in_row), pair = r.packs.remainder(in_row, group) * kCount;
  T* const low_start = r.rows.row(static_cast<int64_t>(r.first_row) + row) + r.first_pair + pair;
  T* const high_start = low_start + r.width / 2;
  Pack<T, kBytes> low[kHeads], high[kHeads];
#pragma unroll
  for (uint32_t h = 0; h < kHeads; ++h) {
    const uint32_t head = group + h * r.head_groups;
    if (head >= r.heads) continue;
    low[h] = load_pack<T, kBytes>(low_start + head * r.width);
    high[h] = load_pack<T, kBytes>(high_start + head * r.width);
  }
  const uint32_t place = r.row_in_sample + r.first_row + row;
  const uint32_t position = r.first_token + r.tokens.remainder(place, r.tokens.quotient(place));
  Turn turns[kCount];
#pragma unroll
  for (int i = 0; i < kCount; ++i)
    turns[i] = turn_by(static_cast<uint32_t>((per_position[pair + i] * position) >> 32));
#pragma unroll
  for (uint32_t h = 0; h < kHeads; ++h) {
    const uint32_t head = group + h * r.head_groups;
    if (head >= r.heads) continue;
    turn_pack<kCount, T>(turns, low[h], high[h]);
    store_pack(low_start + head * r.width, low[h]);
    store_pack(high_start + head * r.width, high[h]);
  }
}

template <int kCount, typename T>
__global__ void __launch_bounds__(kPackThreads) rotary_kernel(const Rotary<T> r) {
  __shared__ uint64_t per_position[kPairs];
  for (uint32_t i = threadIdx.x; i < r.pairs; i += blockDim.x) per_position[i] = r.table.per_position[i];
  __syncthreads();
  const uint32_t stride = gridDim.x * blockDim.x;
  for (uint32_t unit = blockIdx.x * blockDim.x + threadIdx.x; unit < r.units; unit += stride)
    turn_unit<kCount, T>(r, per_position, unit);
}

}  // namespace

template <typename T>
void CudaBackend<T>::merge_heads(const AttentionShape& shape, const Matrix& context, const Matrix& merged) {
  move_heads<T, true>("merge_heads", shape, context, merged, queue_);
}

template <typename T>
void CudaBackend<T>::split_heads(const AttentionShape& shape, const Matrix& merged, const Matrix& context) {
  move_heads<T, false>("split_heads", shape, context, merged, queue_);
}

template <typename T>
void CudaBackend<T>::rotary(const RowMap& map, int64_t heads, int64_t width, double base, bool inverse,
                            const Matrix& rows) {
  assert(width % 2 == 0);
  constexpr int kPack = Pack<T>::kCount;
  const bool wide = aligned_for<T>(rows, kPack) && width / 2 % kPack == 0;
  const int64_t head_groups = ceil_div(heads, kHeads);
  const auto u32 = [](int64_t x) { return static_cast<uint32_t>(x); };
  for (int64_t pair = 0; pair < width / 2; pair += kPairs) {
    const int64_t pairs = std::min<int64_t>(kPairs, width / 2 - pair), packs = pairs / (wide ? kPack : 1);
    const TurnTable table = turn_table(width, base, inverse, pair, pairs);
    for_row_slices(rows.rows, head_groups * packs, [&](int64_t first, int64_t count) {
      const int64_t units = count * head_groups * packs;
      const Rotary<T> rotary{rows_of<T>(rows),
                             u32(units),
                             u32(first),
                             u32(map.first_row % map.tokens),
                             u32(map.first_token),
                             Divider(map.tokens),
                             Divider(head_groups * packs),
                             Divider(packs),
                             u32(heads),
                             u32(head_groups),
                             u32(width),
                             u32(pair),
                             u32(pairs),
                             table};
      const LaunchShape shape{.blocks_x = std::min(ceil_div(units, kPackThreads), 8 * processors_),
                              .threads = kPackThreads};
      launch("rotary", wide ? rotary_kernel<kPack, T> : rotary_kernel<1, T>, shape, queue_, rotary);
    });
  }
}

template class CudaBackend<float>;
template class CudaBackend<Half>;
template class CudaBackend<Bfloat16>;

}  // namespace paraplan
