#pragma once

#include <algorithm>

#include "kernels/cuda/dropout_draw.cuh"
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/fused_attention.h"

namespace paraplan {

// Tokens first to end - 1 of a head, of `width`.
struct TokenRange {
  int sample, head, first, end, width;

  __device__ __forceinline__ bool has(int row, int column) const {
    return first + row < end && column < width;
  }
};

// HeadRows as kernels see them; rows and stride below 2^31.
template <typename T>
struct TokenRows {
  T* data = nullptr;
  int stride = 0;
  int tokens = 1;      // of a sample in one part
  int other_rows = 0;  // of the other samples in one part
  Divider parts;

  TokenRows(const HeadRows& rows, int64_t batch)
      : data(static_cast<T*>(rows.data)),
        stride(static_cast<int>(rows.stride)),
        tokens(static_cast<int>(rows.tokens)),
        other_rows(static_cast<int>((batch - 1) * rows.tokens)),
        parts(std::max<int64_t>(rows.tokens, 1)) {}

  // Of token first + row.
  __device__ __forceinline__ T* at(const TokenRange& range, int row, int column) const {
    const int token = range.first + row,
              part = static_cast<int>(parts.quotient(static_cast<uint32_t>(token)));
    const int64_t place = range.sample * tokens + token + part * other_rows;
    return data + (place * stride + range.head * range.width + column);
  }
};

// What a block works on: neighbouring tokens of a head.
struct HeadTile {
  int sample, head;
  int first;    // token
  int64_t row;  // of query token 0 of the head, among those of all heads
};

// What the kernels of an attention without stored scores work on. Sums of a query are numbers of its row
// (sample * heads + head) * queries + query.
template <typename T>
struct FlashOperands {
  TokenRows<T> query, key, value, merged;
  TokenRows<T> gradient, query_gradient, key_gradient, value_gradient;  // null in the forward pass
  float* log_sum_exp;
  int64_t log_sum_exp_stride;
  float* inner;            // of each query of this launch: sum of gradient * merged
  int first_sample = 0;    // the launch works on samples from here on
  int heads, group_heads;  // heads of a sample; heads that share keys
  int queries, keys, first_query, width;
  bool causal;
  float scale;
  DropoutNumbers numbers;

  FlashOperands(const AttentionShape& shape, double factor, const DropoutDraw& draw,
                const AttentionOperands& operands)
      : query(operands.query, shape.batch),
        key(operands.key, shape.batch),
        value(operands.value, shape.batch),
        merged({operands.merged.data, operands.merged.stride, shape.queries}, shape.batch),
        gradient({operands.gradient.data, operands.gradient.stride, shape.queries}, shape.batch),
        query_gradient(operands.query_gradient, shape.batch),
        key_gradient(operands.key_gradient, shape.batch),
        value_gradient(operands.value_gradient, shape.batch),
        log_sum_exp(static_cast<float*>(operands.log_sum_exp.data)),
        log_sum_exp_stride(operands.log_sum_exp.stride),
        inner(nullptr),
        heads(static_cast<int>(shape.heads)),
        group_heads(static_cast<int>(shape.heads / shape.kv_heads)),
        queries(static_cast<int>(shape.queries)),
        keys(static_cast<int>(shape.keys)),
        first_query(static_cast<int>(shape.first_query)),
        width(static_cast<int>(shape.width)),
        causal(shape.causal),
        scale(static_cast<float>(factor)),
        numbers(draw, shape.rows(), shape.keys) {}

  // Keys that a query sees: those below.
  __device__ __forceinline__ int visible_keys(int query_token) const {
    return causal ? std::min(keys, first_query + query_token + 1) : keys;
  }
  // The first query that sees a key.
  __device__ __forceinline__ int first_seeing(int key_token) const {
    return causal ? std::max(0, key_token - first_query) : 0;
  }
  __device__ __forceinline__ TokenRange queries_of(const HeadTile& at) const {
    return {at.sample, at.head, at.first, queries, width};
  }
  // Of the head's keys from `first` on.
  __device__ __forceinline__ TokenRange keys_of(const HeadTile& at, int first) const {
    return {at.sample, at.head / group_heads, first, keys, width};
  }
  __device__ __forceinline__ int64_t row_of(int sample, int head) const {
    return static_cast<int64_t>(sample * heads + head) * queries;
  }
  __device__ __forceinline__ int64_t first_launch_row() const { return row_of(first_sample, 0); }
};

// Blocks of a launch: x counts tiles, y heads (those of keys where tiles are of keys), z samples.

// The block's queries, `tile` of them. The last tiles of a head, which see the most keys where the attention
// is causal, come first.
template <typename T>
__device__ __forceinline__ HeadTile query_tile_of_block(const FlashOperands<T>& operands, int tile) {
  const int sample = operands.first_sample + static_cast<int>(blockIdx.z),
            head = static_cast<int>(blockIdx.y);
  return {sample, head, static_cast<int>(gridDim.x - 1 - blockIdx.x) * tile, operands.row_of(sample, head)};
}

// The block's keys; the head is the first of those that share them.
template <typename T>
__device__ __forceinline__ HeadTile key_tile_of_block(const FlashOperands<T>& operands, int tile) {
  const int sample = operands.first_sample + static_cast<int>(blockIdx.z);
  const int head = static_cast<int>(blockIdx.y) * operands.group_heads;
  return {sample, head, static_cast<int>(blockIdx.x) * tile, operands.row_of(sample, head)};
}

}  // namespace paraplan
