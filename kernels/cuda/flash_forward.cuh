#pragma once

// Attention without stored scores on matrix units, forward (Dao 2023, "FlashAttention-2"): a warp holds the
// sums of its queries in registers and walks over the keys, with a running maximum.
#include <limits>

#include "kernels/cuda/flash_dropout.cuh"
#include "kernels/cuda/flash_sums.cuh"
#include "kernels/cuda/flash_tiles.cuh"
#include "kernels/cuda/reduce.cuh"

namespace paraplan {

template <int kPaddedWidth>
struct ForwardPlan {
  static constexpr int kWidth = kPaddedWidth;
  static constexpr int kWarps = 4, kThreads = kWarps * kWarp, kRowTiles = 2, kBlocks = 2;
  static constexpr int kQueries = 16 * kRowTiles * kWarps, kKeys = kWidth <= 64 ? 64 : 32;
  static constexpr size_t kSharedBytes = (kQueries + 4 * kKeys) * kWidth * 2;  // keys and values, two stages
};

#if PARAPLAN_MATRIX_UNITS

// The rows of a warp.
template <typename Plan, bool kDropout, typename T>
class ForwardRows {
 public:
  static constexpr int kRowTiles = Plan::kRowTiles, kKeys = Plan::kKeys, kWidth = Plan::kWidth;
  using QueryTile = SharedTile<T, Plan::kQueries, kWidth>;
  using KeyTile = SharedTile<T, kKeys, kWidth>;

  __device__ ForwardRows(const FlashOperands<T>& operands, const HeadTile& at)
      : operands_(operands), at_(at), first_row_(warp_index() * 16 * kRowTiles) {
#pragma unroll
    for (int m = 0; m < kRowTiles; ++m)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        maximum_[m][half] = -std::numeric_limits<float>::infinity();
        sum_[m][half] = 0;
      }
    clear(out_);
  }

  __device__ __forceinline__ void add(const QueryTile& queries, const KeyTile& keys, const KeyTile& values,
                                      int first_key) {
    const int first = at_.first + first_row_;
    if (first_key >= operands_.visible_keys(first + 16 * kRowTiles - 1)) return;
    QueryDropout<kRowTiles, kKeys> dropout;
    if constexpr (kDropout) dropout.draw(operands_, at_.row, first, first_key);
    Accumulators<kRowTiles, kKeys> scores;
    multiply_rows<kRowTiles>(queries, first_row_, keys, scores);
    if (first_key + kKeys > operands_.visible_keys(first)) mask(scores, first_key);
#pragma unroll
    for (int m = 0; m < kRowTiles; ++m)
#pragma unroll
      for (int half = 0; half < 2; ++half) take_weights(scores, m, half);
    if constexpr (kDropout) dropout.apply(scores);
    multiply_weights<kRowTiles>(scores, values, out_);
  }

  // The results; `queries` is free to be written to.
  __device__ __forceinline__ void finish(const QueryTile& queries) {
#pragma unroll
    for (int m = 0; m < kRowTiles; ++m)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const float sum = reduce_lanes<Sum, 4>(sum_[m][half]);
        scale_out(m, half, (kDropout ? operands_.numbers.scale() : 1.0f) / sum);
        const int query = at_.first + row(m, half);
        if (fragment_column() == 0 && query < operands_.queries)
          operands_.log_sum_exp[(at_.row + query) * operands_.log_sum_exp_stride] =
              maximum_[m][half] * operands_.scale + logf(sum);
      }
    queries.template store<kRowTiles>(out_, first_row_, operands_.merged, operands_.queries_of(at_));
  }

 private:
  __device__ __forceinline__ int row(int m, int half) const {
    return first_row_ + 16 * m + 8 * half + fragment_row();
  }

  __device__ __forceinline__ void mask(Accumulators<kRowTiles, kKeys>& scores, int first_key) const {
#pragma unroll
    for (int m = 0; m < kRowTiles; ++m)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int visible = operands_.visible_keys(at_.first + row(m, i / 2)) - first_key - fragment_column();
#pragma unroll
        for (int n = 0; n < kKeys / 8; ++n)
          if (8 * n + i % 2 >= visible) scores[m][n][i] = -std::numeric_limits<float>::infinity();
      }
  }

  // Scores of a row to exp(scale * (score - maximum)); what was summed up before is brought to the new
  // maximum.
  __device__ __forceinline__ void take_weights(Accumulators<kRowTiles, kKeys>& scores, int m, int half) {
    float top = maximum_[m][half];
#pragma unroll
    for (int n = 0; n < kKeys / 8; ++n)
      top = fmaxf(top, fmaxf(scores[m][n][2 * half], scores[m][n][2 * half + 1]));
    top = fmaxf(top, shuffle_xor(top, 1));
    top = fmaxf(top, shuffle_xor(top, 2));
    const float scale = operands_.scale * kLog2E, before = exp2_fast((maximum_[m][half] - top) * scale);
    maximum_[m][half] = top;
    float sum = sum_[m][half] * before;
#pragma unroll
    for (int n = 0; n < kKeys / 8; ++n)
#pragma unroll
      for (int i = 2 * half; i < 2 * half + 2; ++i) {
        scores[m][n][i] = exp2_fast(scores[m][n][i] * scale - top * scale);
        sum += scores[m][n][i];
      }
    sum_[m][half] = sum;
    scale_out(m, half, before);
  }

  __device__ __forceinline__ void scale_out(int m, int half, float factor) {
#pragma unroll
    for (int n = 0; n < kWidth / 8; ++n) {
      out_[m][n][2 * half] *= factor;
      out_[m][n][2 * half + 1] *= factor;
    }
  }

  const FlashOperands<T>& operands_;
  const HeadTile& at_;
  int first_row_;
  float maximum_[kRowTiles][2], sum_[kRowTiles][2];
  Accumulators<kRowTiles, kWidth> out_;
};

#endif

template <typename Plan, bool kDropout, typename T>
__global__ void __launch_bounds__(Plan::kThreads, Plan::kBlocks)
    flash_forward_kernel(const FlashOperands<T> operands) {
#if PARAPLAN_MATRIX_UNITS
  using Warp = ForwardRows<Plan, kDropout, T>;
  using KeyTile = typename Warp::KeyTile;
  const typename Warp::QueryTile queries(dynamic_shared());
  const HeadTile at = query_tile_of_block(operands, Plan::kQueries);
  const int last = std::min(at.first + Plan::kQueries, operands.queries) - 1;
  const int visible = operands.visible_keys(last);
  const auto place = [](int stage) {
    return dynamic_shared() + Warp::QueryTile::kBytes + stage * 2 * KeyTile::kBytes;
  };
  const auto load = [&](int first, int stage) {
    const TokenRange tokens = operands.keys_of(at, first);
    KeyTile(place(stage)).template load<Plan::kThreads>(operands.key, tokens);
    KeyTile(place(stage) + KeyTile::kBytes).template load<Plan::kThreads>(operands.value, tokens);
  };
  queries.template load<Plan::kThreads>(operands.query, operands.queries_of(at));
  load(0, 0);
  copy_async_commit();
  Warp rows(operands, at);
  for (int first = 0, stage = 0; first < visible; first += Plan::kKeys, stage ^= 1) {
    copy_async_wait<0>();
    __syncthreads();  // the tiles are there, and the other stage's are used
    if (first + Plan::kKeys < visible) load(first + Plan::kKeys, stage ^ 1);
    copy_async_commit();
    rows.add(queries, KeyTile(place(stage)), KeyTile(place(stage) + KeyTile::kBytes), first);
  }
  rows.finish(queries);
#endif
}

}  // namespace paraplan
