#pragma once

#include "kernels/cuda/flash_plain.cuh"

namespace paraplan {

// Weights and gradients of scores are (keys, queries) in the kernel over keys, (queries, keys) in the other.
template <int kWidth>
struct PlainGradientTiles {
  PlainTile<kWidth> queries, gradient, keys, values;
  PlainTile<kPlainTile> weights, score_gradient;
};

struct PlainWeight {
  float kept;            // weight times the factor of the dropout
  float score_gradient;  // but for the scale
};

// Of a query and a key; both 0 where it does not see it. product: of the query's gradient and the value.
template <bool kDropout>
__device__ __forceinline__ PlainWeight plain_weight(const FlashOperands<float>& operands, int64_t head_row,
                                                    int query, int key, float score, float product) {
  if (query >= operands.queries || key >= operands.visible_keys(query)) return {0, 0};
  const int64_t row = head_row + query;
  const float weight = expf(score * operands.scale - operands.log_sum_exp[row * operands.log_sum_exp_stride]);
  const float factor = plain_factor<kDropout>(operands.numbers, row, key);
  return {weight * factor, weight * (factor * product - operands.inner[row - operands.first_launch_row()])};
}

template <int kWidth, bool kDropout>
__global__ void __launch_bounds__(kPlainThreads)
    plain_query_gradient_kernel(const FlashOperands<float> operands) {
  auto& shared = *reinterpret_cast<PlainGradientTiles<kWidth>*>(dynamic_shared());
  const HeadTile at = query_tile_of_block(operands, kPlainTile);
  const int visible = operands.visible_keys(std::min(at.first + kPlainTile, operands.queries) - 1);
  PlainSums<kWidth> sum = {};
  shared.queries.load(operands.query, operands.queries_of(at));
  shared.gradient.load(operands.gradient, operands.queries_of(at));
  for (int first = 0; first < visible; first += kPlainTile) {
    __syncthreads();  // the tiles before are used
    shared.keys.load(operands.key, operands.keys_of(at, first));
    shared.values.load(operands.value, operands.keys_of(at, first));
    __syncthreads();
    PlainScores scores, products;
    plain_products(shared.queries, shared.keys, scores);
    plain_products(shared.gradient, shared.values, products);
#pragma unroll
    for (int i = 0; i < kPlainShare; ++i)
#pragma unroll
      for (int j = 0; j < kPlainShare; ++j) {
        const int row = plain_row() + i * kPlainSide, column = plain_column() + j * kPlainSide;
        shared.score_gradient.row[row][column] =
            plain_weight<kDropout>(operands, at.row, at.first + row, first + column, scores[i][j],
                                   products[i][j])
                .score_gradient;
      }
    __syncwarp();
    plain_add(shared.score_gradient, shared.keys, sum);
  }
  plain_store<kWidth>(sum, {operands.scale, operands.scale}, operands.query_gradient,
                      operands.queries_of(at));
}

template <int kWidth, bool kDropout>
__global__ void __launch_bounds__(kPlainThreads)
    plain_key_gradient_kernel(const FlashOperands<float> operands) {
  auto& shared = *reinterpret_cast<PlainGradientTiles<kWidth>*>(dynamic_shared());
  const HeadTile at = key_tile_of_block(operands, kPlainTile);
  const TokenRange key_tokens = operands.keys_of(at, at.first);
  PlainSums<kWidth> key_sum = {}, value_sum = {};
  shared.keys.load(operands.key, key_tokens);
  shared.values.load(operands.value, key_tokens);
  const int first_query = operands.first_seeing(at.first) / kPlainTile * kPlainTile;
  for (int head = 0; head < operands.group_heads; ++head)
    for (int first = first_query; first < operands.queries; first += kPlainTile) {
      const HeadTile now{at.sample, at.head + head, first,
                         at.row + static_cast<int64_t>(head) * operands.queries};
      __syncthreads();  // the tiles before are used
      shared.queries.load(operands.query, operands.queries_of(now));
      shared.gradient.load(operands.gradient, operands.queries_of(now));
      __syncthreads();
      PlainScores scores, products;
      plain_products(shared.keys, shared.queries, scores);
      plain_products(shared.values, shared.gradient, products);
#pragma unroll
      for (int i = 0; i < kPlainShare; ++i)
#pragma unroll
        for (int j = 0; j < kPlainShare; ++j) {
          const int row = plain_row() + i * kPlainSide, column = plain_column() + j * kPlainSide;
          const PlainWeight weight = plain_weight<kDropout>(operands, now.row, first + column, at.first + row,
                                                            scores[i][j], products[i][j]);
          shared.weights.row[row][column] = weight.kept;
          shared.score_gradient.row[row][column] = weight.score_gradient;
        }
      __syncwarp();
      plain_add(shared.weights, shared.gradient, value_sum);
      plain_add(shared.score_gradient, shared.queries, key_sum);
    }
  plain_store<kWidth>(key_sum, {operands.scale, operands.scale}, operands.key_gradient, key_tokens);
  plain_store<kWidth>(value_sum, {1, 1}, operands.value_gradient, key_tokens);
}

}  // namespace paraplan
