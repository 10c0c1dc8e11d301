#pragma once

#include "kernels/cuda/flash_tiles.cuh"

namespace paraplan {

// Which of a warp's scores the dropout keeps: four bits for every 16 x 8 accumulators. Lanes draw blocks of
// four numbers for each other where the blocks lie within rows of scores.

// Rows are queries, columns are keys.
template <int kRowTiles, int kKeys>
class QueryDropout {
  static_assert(kKeys <= 64);

 public:
  // row: of query token 0 of the head.
  template <typename T>
  __device__ __forceinline__ void draw(const FlashOperands<T>& operands, int64_t row, int first_query,
                                       int first_key) {
    const DropoutNumbers& numbers = operands.numbers;
    const int last = operands.queries - 1, column = fragment_column();
#pragma unroll
    for (int m = 0; m < kRowTiles; ++m) {
      const int query = first_query + 16 * m + fragment_row();
      const uint64_t upper = numbers.first_number(row + std::min(query, last)) + first_key + column,
                     lower = numbers.first_number(row + std::min(query + 8, last)) + first_key + column;
      uint32_t kept = 0;
#pragma unroll 1
      for (int n = 0; n < kKeys / 8; ++n)
        kept |= pairs(numbers, operands.keys % 4 == 0, upper + 8 * n, lower + 8 * n) << 4 * n;
      kept_[m] = kept;
    }
  }

  __device__ __forceinline__ bool keeps(int m, int n, int i) const {
    return (kept_[m] >> (4 * n + i) & 1) != 0;
  }

  __device__ __forceinline__ void apply(Accumulators<kRowTiles, kKeys>& x) const {
#pragma unroll
    for (int m = 0; m < kRowTiles; ++m)
#pragma unroll
      for (int n = 0; n < kKeys / 8; ++n)
#pragma unroll
        for (int i = 0; i < 4; ++i)
          if (!keeps(m, n, i)) x[m][n][i] = 0;
  }

 private:
  // Two bits from each number on.
  __device__ static __forceinline__ uint32_t pairs(const DropoutNumbers& numbers, bool whole_blocks,
                                                   uint64_t upper, uint64_t lower) {
    if (!whole_blocks) return (numbers.kept_from(upper) & 3) | (numbers.kept_from(lower) & 3) << 2;
    const bool odd = lane_index() % 2 != 0;
    const uint32_t drawn = numbers.kept((odd ? lower : upper) / 4), other = shuffle_xor(drawn, 1);
    const uint32_t shift = odd ? 2 : 0;
    return ((odd ? other : drawn) >> shift & 3) | ((odd ? drawn : other) >> shift & 3) << 2;
  }

  uint32_t kept_[kRowTiles];
};

// Rows are keys, columns are queries.
template <int kRowTiles, int kQueries>
class KeyDropout {
  static_assert(kQueries <= 64);

 public:
  // first_number: of the scores of each query.
  template <typename T>
  __device__ __forceinline__ void draw(const FlashOperands<T>& operands, const uint64_t* first_number,
                                       int first_key) {
#pragma unroll
    for (int m = 0; m < kRowTiles; ++m) {
      uint32_t kept = 0;
#pragma unroll 1
      for (int n = 0; n < kQueries / 8; ++n) {
        const uint64_t* first = first_number + 8 * n + fragment_column();
        const int key = first_key + 16 * m;
        kept |= (operands.keys % 4 == 0 ? shared(operands.numbers, first, key)
                                        : one_by_one(operands.numbers, first, key))
                << 4 * n;
      }
      kept_[m] = kept;
    }
  }

  __device__ __forceinline__ bool keeps(int m, int n, int i) const {
    return (kept_[m] >> (4 * n + i) & 1) != 0;
  }

 private:
  // Four lanes hold the scores of the same two queries and of neighbouring keys, which share a block of
  // numbers: each draws for one of the four accumulators.
  __device__ static __forceinline__ uint32_t shared(const DropoutNumbers& numbers, const uint64_t* first,
                                                    int key) {
    const int mine = fragment_row() % 4, place = key + mine / 2 * 8 + fragment_row() / 4 * 4;
    uint32_t drawn = numbers.kept((first[mine % 2] + place) / 4) << 4 * mine;
    drawn |= shuffle_xor(drawn, 4);
    drawn |= shuffle_xor(drawn, 8);
    uint32_t kept = 0;
#pragma unroll
    for (int i = 0; i < 4; ++i) kept |= (drawn >> (4 * i + mine) & 1) << i;
    return kept;
  }

  __device__ static __forceinline__ uint32_t one_by_one(const DropoutNumbers& numbers, const uint64_t* first,
                                                        int key) {
    uint32_t kept = 0;
#pragma unroll 1
    for (int i = 0; i < 4; ++i) {
      const uint64_t number = first[i % 2] + key + i / 2 * 8 + fragment_row();
      kept |= (numbers.kept(number / 4) >> number % 4 & 1) << i;
    }
    return kept;
  }

  uint32_t kept_[kRowTiles];
};

}  // namespace paraplan
