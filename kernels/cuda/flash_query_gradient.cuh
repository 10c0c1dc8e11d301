#pragma once

// Gradients of attention without stored scores on matrix units. Weights are computed again from log_sum_exp.
// One kernel walks over the queries for a block of keys, the other over the keys for a block of queries: two
// products more than one pass for both needs, but every gradient is summed up in one place, in one order.
// With P the weights, Z the factors of the dropout and dP = dO V^T:
//   dV = (P Z)^T dO,  dS = P (Z dP - sum(dO O)),  dQ = scale dS K,  dK = scale dS^T Q.
#include "kernels/cuda/flash_dropout.cuh"
#include "kernels/cuda/flash_sums.cuh"
#include "kernels/cuda/flash_tiles.cuh"

namespace paraplan {

template <int kPaddedWidth>
struct QueryGradientPlan {
  static constexpr int kWidth = kPaddedWidth;
  static constexpr int kWarps = 4, kThreads = kWarps * kWarp, kRowTiles = 2, kBlocks = 2;
  static constexpr int kQueries = 16 * kRowTiles * kWarps, kKeys = 32;
  static constexpr size_t kTileBytes = (2 * kQueries + 4 * kKeys) * kWidth * 2;  // keys, values: two stages
  static constexpr size_t kSharedBytes = kTileBytes + sizeof(QuerySums<kQueries>);
};

#if PARAPLAN_MATRIX_UNITS

// The rows of a warp.
template <typename Plan, bool kDropout, typename T>
class QueryGradientRows {
 public:
  static constexpr int kRowTiles = Plan::kRowTiles, kKeys = Plan::kKeys, kWidth = Plan::kWidth;
  using QueryTile = SharedTile<T, Plan::kQueries, kWidth>;
  using KeyTile = SharedTile<T, kKeys, kWidth>;

  __device__ QueryGradientRows(const FlashOperands<T>& operands, const HeadTile& at)
      : operands_(operands), at_(at), first_row_(warp_index() * 16 * kRowTiles) {
    clear(sum_);
  }

  __device__ __forceinline__ void add(const QueryTile& queries, const QueryTile& gradient,
                                      const KeyTile& keys, const KeyTile& values,
                                      const QuerySums<Plan::kQueries>& sums, int first_key) {
    const int first = at_.first + first_row_;
    if (first_key >= operands_.visible_keys(first + 16 * kRowTiles - 1)) return;
    QueryDropout<kRowTiles, kKeys> dropout;
    if constexpr (kDropout) dropout.draw(operands_, at_.row, first, first_key);
    Accumulators<kRowTiles, kKeys> weights, products;
    multiply_rows<kRowTiles>(queries, first_row_, keys, weights);
    multiply_rows<kRowTiles>(gradient, first_row_, values, products);
#pragma unroll
    for (int m = 0; m < kRowTiles; ++m)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float log_sum_exp = sums.log_sum_exp[row(m, i / 2)], inner = sums.inner[row(m, i / 2)];
#pragma unroll
        for (int n = 0; n < kKeys / 8; ++n) {
          float product = products[m][n][i];
          if constexpr (kDropout) product = dropout.keeps(m, n, i) ? product * operands_.numbers.scale() : 0;
          weights[m][n][i] =
              exp2_fast(weights[m][n][i] * (operands_.scale * kLog2E) - log_sum_exp) * (product - inner);
        }
      }
    if (first_key + kKeys > operands_.visible_keys(first)) mask(weights, first_key);
    multiply_weights<kRowTiles>(weights, keys, sum_);
  }

  // `queries` is free to be written to.
  __device__ __forceinline__ void finish(const QueryTile& queries) {
    multiply_by(operands_.scale, sum_);
    queries.template store<kRowTiles>(sum_, first_row_, operands_.query_gradient, operands_.queries_of(at_));
  }

 private:
  __device__ __forceinline__ int row(int m, int half) const {
    return first_row_ + 16 * m + 8 * half + fragment_row();
  }

  __device__ __forceinline__ void mask(Accumulators<kRowTiles, kKeys>& x, int first_key) const {
#pragma unroll
    for (int m = 0; m < kRowTiles; ++m)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int visible = operands_.visible_keys(at_.first + row(m, i / 2)) - first_key - fragment_column();
#pragma unroll
        for (int n = 0; n < kKeys / 8; ++n)
          if (8 * n + i % 2 >= visible) x[m][n][i] = 0;
      }
  }

  const FlashOperands<T>& operands_;
  const HeadTile& at_;
  int first_row_;
  Accumulators<kRowTiles, kWidth> sum_;
};

#endif

template <typename Plan, bool kDropout, typename T>
__global__ void __launch_bounds__(Plan::kThreads, Plan::kBlocks)
    query_gradient_kernel(const FlashOperands<T> operands) {
#if PARAPLAN_MATRIX_UNITS
  using Warp = QueryGradientRows<Plan, kDropout, T>;
  using QueryTile = typename Warp::QueryTile;
  using KeyTile = typename Warp::KeyTile;
  const QueryTile queries(dynamic_shared()), gradient(dynamic_shared() + QueryTile::kBytes);
  const HeadTile at = query_tile_of_block(operands, Plan::kQueries);
  const int visible = operands.visible_keys(std::min(at.first + Plan::kQueries, operands.queries) - 1);
  const auto place = [](int stage) {
    return dynamic_shared() + 2 * QueryTile::kBytes + stage * 2 * KeyTile::kBytes;
  };
  const auto load = [&](int first, int stage) {
    const TokenRange tokens = operands.keys_of(at, first);
    KeyTile(place(stage)).template load<Plan::kThreads>(operands.key, tokens);
    KeyTile(place(stage) + KeyTile::kBytes).template load<Plan::kThreads>(operands.value, tokens);
  };
  queries.template load<Plan::kThreads>(operands.query, operands.queries_of(at));
  gradient.template load<Plan::kThreads>(operands.gradient, operands.queries_of(at));
  load(0, 0);
  copy_async_commit();
  auto& sums = *reinterpret_cast<QuerySums<Plan::kQueries>*>(dynamic_shared() + Plan::kTileBytes);
  QuerySum<Plan::kQueries, false> sum;
  sum.fetch(operands, at);
  sum.put(sums);
  Warp rows(operands, at);
  for (int first = 0, stage = 0; first < visible; first += Plan::kKeys, stage ^= 1) {
    copy_async_wait<0>();
    __syncthreads();  // the tiles are there, and the other stage's are used
    if (first + Plan::kKeys < visible) load(first + Plan::kKeys, stage ^ 1);
    copy_async_commit();
    rows.add(queries, gradient, KeyTile(place(stage)), KeyTile(place(stage) + KeyTile::kBytes), sums, first);
  }
  rows.finish(queries);
#endif
}

}  // namespace paraplan
