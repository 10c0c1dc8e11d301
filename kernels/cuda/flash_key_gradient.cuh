#pragma once

#include "kernels/cuda/flash_dropout.cuh"
#include "kernels/cuda/flash_sums.cuh"
#include "kernels/cuda/flash_tiles.cuh"

namespace paraplan {

// Wide heads, and what a dropout needs, leave registers for the gradients of 16 keys, others for 32.
template <int kPaddedWidth, bool kDropout>
struct KeyGradientPlan {
  static constexpr int kWidth = kPaddedWidth;
  static constexpr bool kFew = kWidth > 64 || kDropout;
  static constexpr int kWarps = kFew ? 8 : 4, kThreads = kWarps * kWarp, kRowTiles = kFew ? 1 : 2;
  static constexpr int kBlocks = kFew ? 1 : 2;
  static constexpr int kKeys = 16 * kRowTiles * kWarps, kQueries = kFew && !kDropout ? 64 : 32;
  static constexpr size_t kTileBytes = (2 * kKeys + 4 * kQueries) * kWidth * 2;  // queries: two stages
  static constexpr size_t kSharedBytes = kTileBytes + 2 * sizeof(QuerySums<kQueries>);
};

#if PARAPLAN_MATRIX_UNITS

// The rows of a warp: keys, and their gradients.
template <typename Plan, bool kDropout, typename T>
class KeyGradientRows {
 public:
  static constexpr int kRowTiles = Plan::kRowTiles, kQueries = Plan::kQueries, kWidth = Plan::kWidth;
  using KeyTile = SharedTile<T, Plan::kKeys, kWidth>;
  using QueryTile = SharedTile<T, kQueries, kWidth>;

  __device__ KeyGradientRows(const FlashOperands<T>& operands, const HeadTile& at)
      : operands_(operands), at_(at), first_row_(warp_index() * 16 * kRowTiles) {
    clear(key_sum_);
    clear(value_sum_);
  }

  __device__ __forceinline__ void add(const KeyTile& keys, const KeyTile& values, const QueryTile& queries,
                                      const QueryTile& gradient, const QuerySums<kQueries>& sums,
                                      int first_query) {
    const int first = at_.first + first_row_;
    if (first >= operands_.visible_keys(first_query + kQueries - 1)) return;
    KeyDropout<kRowTiles, kQueries> dropout;
    if constexpr (kDropout) dropout.draw(operands_, sums.first_number, first);
    Accumulators<kRowTiles, kQueries> weights, products;
    multiply_rows<kRowTiles>(keys, first_row_, queries, weights);
    take_weights(weights, sums);
    if (first + 16 * kRowTiles > operands_.visible_keys(first_query)) mask(weights, first_query);
    if constexpr (kDropout) {
      for_each(
          [&](int m, int n, int i) { products[m][n][i] = dropout.keeps(m, n, i) ? weights[m][n][i] : 0; });
      multiply_weights<kRowTiles>(products, gradient, value_sum_);
    } else {
      multiply_weights<kRowTiles>(weights, gradient, value_sum_);
    }
    multiply_rows<kRowTiles>(values, first_row_, gradient, products);
    if constexpr (kDropout)
      for_each([&](int m, int n, int i) {
        products[m][n][i] = dropout.keeps(m, n, i) ? products[m][n][i] * operands_.numbers.scale() : 0;
      });
    for_each([&](int m, int n, int i) {
      weights[m][n][i] *= products[m][n][i] - sums.inner[8 * n + fragment_column() + i % 2];
    });
    multiply_weights<kRowTiles>(weights, queries, key_sum_);
  }

  // The tiles are free to be written to.
  __device__ __forceinline__ void finish(const KeyTile& keys, const KeyTile& values) {
    const TokenRange tokens = operands_.keys_of(at_, at_.first);
    multiply_by(operands_.scale, key_sum_);
    keys.template store<kRowTiles>(key_sum_, first_row_, operands_.key_gradient, tokens);
    if constexpr (kDropout) multiply_by(operands_.numbers.scale(), value_sum_);
    values.template store<kRowTiles>(value_sum_, first_row_, operands_.value_gradient, tokens);
  }

 private:
  template <typename Body>
  __device__ static __forceinline__ void for_each(const Body& body) {
#pragma unroll
    for (int m = 0; m < kRowTiles; ++m)
#pragma unroll
      for (int n = 0; n < kQueries / 8; ++n)
#pragma unroll
        for (int i = 0; i < 4; ++i) body(m, n, i);
  }

  __device__ __forceinline__ void take_weights(Accumulators<kRowTiles, kQueries>& scores,
                                               const QuerySums<kQueries>& sums) const {
    const float scale = operands_.scale * kLog2E;
    for_each([&](int m, int n, int i) {
      scores[m][n][i] =
          exp2_fast(scores[m][n][i] * scale - sums.log_sum_exp[8 * n + fragment_column() + i % 2]);
    });
  }

  __device__ __forceinline__ void mask(Accumulators<kRowTiles, kQueries>& weights, int first_query) const {
    for_each([&](int m, int n, int i) {
      const int key = at_.first + first_row_ + 16 * m + i / 2 * 8 + fragment_row();
      if (key >= operands_.visible_keys(first_query + 8 * n + fragment_column() + i % 2))
        weights[m][n][i] = 0;
    });
  }

  const FlashOperands<T>& operands_;
  const HeadTile& at_;
  int first_row_;
  Accumulators<kRowTiles, kWidth> key_sum_, value_sum_;
};

#endif

template <typename Plan, bool kDropout, typename T>
__global__ void __launch_bounds__(Plan::kThreads, Plan::kBlocks)
    key_gradient_kernel(const FlashOperands<T> operands) {
#if PARAPLAN_MATRIX_UNITS
  constexpr int kQueries = Plan::kQueries;
  using Warp = KeyGradientRows<Plan, kDropout, T>;
  using QueryTile = typename Warp::QueryTile;
  using KeyTile = typename Warp::KeyTile;
  const KeyTile keys(dynamic_shared()), values(dynamic_shared() + KeyTile::kBytes);
  char* stages = dynamic_shared() + 2 * KeyTile::kBytes;
  const auto place = [stages](int stage) { return stages + stage * 2 * QueryTile::kBytes; };
  auto* sums = reinterpret_cast<QuerySums<kQueries>*>(stages + 4 * QueryTile::kBytes);
  const HeadTile at = key_tile_of_block(operands, Plan::kKeys);
  // The queries that see the keys, of one head after another.
  const int first_query = operands.first_seeing(at.first) / kQueries * kQueries;
  int head = first_query < operands.queries ? 0 : operands.group_heads, first = first_query;
  QuerySum<kQueries, kDropout> sum;
  const auto load = [&](int group_head, int query, int stage) {
    const HeadTile next{at.sample, at.head + group_head, query,
                        operands.row_of(at.sample, at.head + group_head)};
    const TokenRange tokens = operands.queries_of(next);
    QueryTile(place(stage)).template load<Plan::kThreads>(operands.query, tokens);
    QueryTile(place(stage) + QueryTile::kBytes).template load<Plan::kThreads>(operands.gradient, tokens);
    sum.fetch(operands, next);
  };
  keys.template load<Plan::kThreads>(operands.key, operands.keys_of(at, at.first));
  values.template load<Plan::kThreads>(operands.value, operands.keys_of(at, at.first));
  Warp rows(operands, at);
  if (head < operands.group_heads) {
    load(0, first_query, 0);
    sum.put(sums[0]);
  }
  copy_async_commit();
  for (int stage = 0; head < operands.group_heads; stage ^= 1) {
    const int now = first;
    first += kQueries;
    if (first >= operands.queries) first = first_query, ++head;
    copy_async_wait<0>();
    __syncthreads();  // the tiles are there, and the other stage's are used
    if (head < operands.group_heads) load(head, first, stage ^ 1);
    copy_async_commit();
    rows.add(keys, values, QueryTile(place(stage)), QueryTile(place(stage) + QueryTile::kBytes), sums[stage],
             now);
    if (head < operands.group_heads) sum.put(sums[stage ^ 1]);
  }
  copy_async_wait<0>();
  __syncthreads();  // keys that no query sees have been waited for nowhere else
  rows.finish(keys, values);
#endif
}

}  // namespace paraplan
