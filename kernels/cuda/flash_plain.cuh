#pragma once

// Attention without stored scores without matrix units, in fp32: the plain form of the same sums, for tests
// by finite differences and for whoever trains in fp32.
#include <limits>

#include "kernels/cuda/flash_operands.cuh"
#include "kernels/cuda/reduce.cuh"

namespace paraplan {

// A block works on tiles of kPlainTile queries and keys; its threads form a square, and each has every
// kPlainSide-th row and column of a tile from its own on. The threads of a row are in one warp.
inline constexpr int kPlainTile = 32, kPlainSide = 16, kPlainThreads = kPlainSide * kPlainSide;
inline constexpr int kPlainShare = kPlainTile / kPlainSide;

__device__ __forceinline__ int plain_row() {
  return static_cast<int>(threadIdx.x) / kPlainSide;
}
__device__ __forceinline__ int plain_column() {
  return static_cast<int>(threadIdx.x) % kPlainSide;
}

// Rows in shared memory; one float more than kWidth keeps a column's rows in different banks.
template <int kWidth>
struct PlainTile {
  float row[kPlainTile][kWidth + 1];

  // Zeros where there are no tokens, and past the head's own width.
  __device__ __forceinline__ void load(const TokenRows<float>& from, const TokenRange& tokens) {
    for (int i = static_cast<int>(threadIdx.x); i < kPlainTile * kWidth; i += kPlainThreads) {
      const int r = i / kWidth, c = i % kWidth;
      row[r][c] = tokens.has(r, c) ? *from.at(tokens, r, c) : 0.0f;
    }
  }
};

using PlainScores = float[kPlainShare][kPlainShare];
template <int kWidth>
using PlainSums = float[kPlainShare][kWidth / kPlainSide];

// The thread's part of a b^T.
template <int kWidth>
__device__ __forceinline__ void plain_products(const PlainTile<kWidth>& a, const PlainTile<kWidth>& b,
                                               PlainScores& x) {
#pragma unroll
  for (int i = 0; i < kPlainShare; ++i)
#pragma unroll
    for (int j = 0; j < kPlainShare; ++j) x[i][j] = 0;
#pragma unroll 8
  for (int k = 0; k < kWidth; ++k)
#pragma unroll
    for (int i = 0; i < kPlainShare; ++i)
#pragma unroll
      for (int j = 0; j < kPlainShare; ++j)
        x[i][j] += a.row[plain_row() + i * kPlainSide][k] * b.row[plain_column() + j * kPlainSide][k];
}

// The thread's part of x += weights b.
template <int kWidth>
__device__ __forceinline__ void plain_add(const PlainTile<kPlainTile>& weights, const PlainTile<kWidth>& b,
                                          PlainSums<kWidth>& x) {
#pragma unroll 4
  for (int k = 0; k < kPlainTile; ++k)
#pragma unroll
    for (int i = 0; i < kPlainShare; ++i)
#pragma unroll
      for (int j = 0; j < kWidth / kPlainSide; ++j)
        x[i][j] += weights.row[plain_row() + i * kPlainSide][k] * b.row[k][plain_column() + j * kPlainSide];
}

template <int kWidth>
__device__ __forceinline__ void plain_store(const PlainSums<kWidth>& x, const float (&factor)[kPlainShare],
                                            const TokenRows<float>& to, const TokenRange& tokens) {
#pragma unroll
  for (int i = 0; i < kPlainShare; ++i)
#pragma unroll
    for (int j = 0; j < kWidth / kPlainSide; ++j) {
      const int row = plain_row() + i * kPlainSide, column = plain_column() + j * kPlainSide;
      if (tokens.has(row, column)) *to.at(tokens, row, column) = factor[i] * x[i][j];
    }
}

// What the dropout multiplies a weight by. row: of the query among those of all heads.
template <bool kDropout>
__device__ __forceinline__ float plain_factor(const DropoutNumbers& numbers, int64_t row, int key) {
  if constexpr (!kDropout) return 1;
  const uint64_t number = numbers.first_number(row) + static_cast<uint64_t>(key);
  return (numbers.kept(number / 4) >> number % 4 & 1) != 0 ? numbers.scale() : 0.0f;
}

template <int kWidth>
struct PlainForwardTiles {
  PlainTile<kWidth> queries, keys, values;
  PlainTile<kPlainTile> weights;
};

template <int kWidth, bool kDropout>
__global__ void __launch_bounds__(kPlainThreads) plain_forward_kernel(const FlashOperands<float> operands) {
  auto& shared = *reinterpret_cast<PlainForwardTiles<kWidth>*>(dynamic_shared());
  const HeadTile at = query_tile_of_block(operands, kPlainTile);
  const int visible = operands.visible_keys(std::min(at.first + kPlainTile, operands.queries) - 1);
  float maximum[kPlainShare], sum[kPlainShare];
  PlainSums<kWidth> out = {};
#pragma unroll
  for (int i = 0; i < kPlainShare; ++i) maximum[i] = -std::numeric_limits<float>::infinity(), sum[i] = 0;
  shared.queries.load(operands.query, operands.queries_of(at));
  for (int first = 0; first < visible; first += kPlainTile) {
    __syncthreads();  // the tiles before are used
    shared.keys.load(operands.key, operands.keys_of(at, first));
    shared.values.load(operands.value, operands.keys_of(at, first));
    __syncthreads();
    PlainScores scores;
    plain_products(shared.queries, shared.keys, scores);
#pragma unroll
    for (int i = 0; i < kPlainShare; ++i) {
      const int row = plain_row() + i * kPlainSide, query = std::min(at.first + row, operands.queries - 1);
      float top = maximum[i];
#pragma unroll
      for (int j = 0; j < kPlainShare; ++j) {
        const bool sees = first + plain_column() + j * kPlainSide < operands.visible_keys(query);
        scores[i][j] = sees ? scores[i][j] : -std::numeric_limits<float>::infinity();
        top = fmaxf(top, scores[i][j]);
      }
      top = reduce_lanes<Maximum, kPlainSide>(top);
      const float before = expf((maximum[i] - top) * operands.scale);
      maximum[i] = top, sum[i] *= before;
#pragma unroll
      for (int j = 0; j < kWidth / kPlainSide; ++j) out[i][j] *= before;
#pragma unroll
      for (int j = 0; j < kPlainShare; ++j) {
        const int column = plain_column() + j * kPlainSide;
        const float weight = expf((scores[i][j] - top) * operands.scale);
        sum[i] += weight;
        shared.weights.row[row][column] =
            weight * plain_factor<kDropout>(operands.numbers, at.row + query, first + column);
      }
    }
    __syncwarp();
    plain_add(shared.weights, shared.values, out);
  }
  float factor[kPlainShare];
#pragma unroll
  for (int i = 0; i < kPlainShare; ++i) {
    const float total = reduce_lanes<Sum, kPlainSide>(sum[i]);
    factor[i] = 1 / total;
    const int query = at.first + plain_row() + i * kPlainSide;
    if (plain_column() == 0 && query < operands.queries)
      operands.log_sum_exp[(at.row + query) * operands.log_sum_exp_stride] =
          maximum[i] * operands.scale + logf(total);
  }
  plain_store<kWidth>(out, factor, operands.merged, operands.queries_of(at));
}

}  // namespace paraplan
