#pragma once

#include "kernels/cuda/flash_operands.cuh"

namespace paraplan {

// What is known of each query of a tile.
template <int kQueries>
struct QuerySums {
  float log_sum_exp[kQueries], inner[kQueries];  // the former in powers of two
  uint64_t first_number[kQueries];               // of the dropout
};

// One thread's query of a tile: read while the tile before is worked on.
template <int kQueries, bool kDropout>
struct QuerySum {
  float log_sum_exp = 0, inner = 0;  // 0 behind the last query, whose gradient is 0 too
  uint64_t first_number = 0;

  template <typename T>
  __device__ __forceinline__ void fetch(const FlashOperands<T>& operands, const HeadTile& at) {
    const int query = at.first + static_cast<int>(threadIdx.x);
    const bool valid = static_cast<int>(threadIdx.x) < kQueries && query < operands.queries;
    const int64_t row = at.row + query;
    log_sum_exp = valid ? operands.log_sum_exp[row * operands.log_sum_exp_stride] * kLog2E : 0;
    inner = valid ? operands.inner[row - operands.first_launch_row()] : 0;
    if constexpr (kDropout) first_number = valid ? operands.numbers.first_number(row) : 0;
  }
  __device__ __forceinline__ void put(QuerySums<kQueries>& sums) const {
    const int place = static_cast<int>(threadIdx.x);
    if (place >= kQueries) return;
    sums.log_sum_exp[place] = log_sum_exp;
    sums.inner[place] = inner;
    if constexpr (kDropout) sums.first_number[place] = first_number;
  }
};

}  // namespace paraplan
