#pragma once

// Tiles of 2-byte elements in shared memory, and products of them on matrix units. A warp's part of a product
// is rows of 16 and columns of 8 accumulators as PTX mma.m16n8k16 lays them out: with g = lane / 4 and t =
// lane % 4, elements 0 and 1 are row g, columns 2t and 2t + 1, elements 2 and 3 the same of row g + 8.
#include <cstring>

#include "kernels/cuda/flash_operands.cuh"

namespace paraplan {

template <int kRowTiles, int kColumns>
using Accumulators = float[kRowTiles][kColumns / 8][4];

template <int kRowTiles, int kColumnTiles>
__device__ __forceinline__ void clear(float (&x)[kRowTiles][kColumnTiles][4]) {
#pragma unroll
  for (int m = 0; m < kRowTiles; ++m)
#pragma unroll
    for (int n = 0; n < kColumnTiles; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i) x[m][n][i] = 0;
}

template <int kRowTiles, int kColumnTiles>
__device__ __forceinline__ void multiply_by(float factor, float (&x)[kRowTiles][kColumnTiles][4]) {
#pragma unroll
  for (int m = 0; m < kRowTiles; ++m)
#pragma unroll
    for (int n = 0; n < kColumnTiles; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i) x[m][n][i] *= factor;
}

__device__ __forceinline__ int fragment_row() {
  return lane_index() / 4;
}
__device__ __forceinline__ int fragment_column() {
  return 2 * (lane_index() % 4);
}

#if PARAPLAN_MATRIX_UNITS

template <typename Pair>
__device__ __forceinline__ uint32_t bits_of(const Pair& pair) {
  uint32_t bits;
  memcpy(&bits, &pair, sizeof(bits));
  return bits;
}
__device__ __forceinline__ uint32_t pack_pair(float low, float high, Half) {
  return bits_of(__floats2half2_rn(low, high));
}
__device__ __forceinline__ uint32_t pack_pair(float low, float high, Bfloat16) {
  return bits_of(__floats2bfloat162_rn(low, high));
}

// kRows rows of kWidth elements, in chunks of 16 bytes. Chunks of a row change places with its number, such
// that the same chunk of 8 neighbouring rows, or 8 neighbouring chunks of a row, lie in all 32 banks: rows of
// a multiple of 128 bytes exchange chunks among 8; others start at bank 0 or 16 in turns and do among 4.
template <typename T, int kRows, int kWidth>
class SharedTile {
 public:
  static constexpr int kChunk = Pack<T>::kCount, kChunks = kWidth / kChunk;
  static constexpr int kBytes = kRows * kWidth * static_cast<int>(sizeof(T));
  static_assert(kChunks % 4 == 0 && kRows % 8 == 0);

  __device__ explicit SharedTile(char* start) : data_(reinterpret_cast<T*>(start)) {}

  __device__ __forceinline__ T* chunk(int row, int column_chunk) const {
    return data_ + (row * kChunks + (column_chunk ^ turn(row))) * kChunk;
  }

  // Starts copies of tokens; zeros behind their end, and past the head's own width.
  template <int kThreads>
  __device__ __forceinline__ void load(const TokenRows<T>& from, const TokenRange& tokens) const {
    constexpr int kAll = kRows * kChunks, kShare = (kAll + kThreads - 1) / kThreads;
    // More at once would hold more addresses in registers.
    [[maybe_unused]] constexpr int kAtOnce = kShare <= 2 ? kShare : 1;
#pragma unroll kAtOnce
    for (int i = 0; i < kShare; ++i) {
      const int index = static_cast<int>(threadIdx.x) + i * kThreads;
      if (kAll % kThreads != 0 && index >= kAll) break;
      const int row = index / kChunks, column = index % kChunks * kChunk;
      const bool valid = tokens.has(row, column);
      const T* source = valid ? from.at(tokens, row, column) : from.data;
      copy_async(chunk(row, index % kChunks), source, valid);
    }
  }

  // Rows first_row to first_row + 16 kRowTiles, which no other warp may use, become x and go to the tokens
  // that stand for them.
  template <int kRowTiles>
  __device__ __forceinline__ void store(const Accumulators<kRowTiles, kWidth>& x, int first_row,
                                        const TokenRows<T>& to, const TokenRange& tokens) const {
    __syncwarp();
#pragma unroll
    for (int m = 0; m < kRowTiles; ++m)
#pragma unroll
      for (int n = 0; n < kChunks; ++n)
#pragma unroll
        for (int i = 0; i < 4; i += 2) {
          T* pair = place(first_row + 16 * m, 4 * i + fragment_row(), n / 2 * 16, n % 2) + fragment_column();
          *reinterpret_cast<uint32_t*>(pair) = pack_pair(x[m][n][i], x[m][n][i + 1], T{});
        }
    __syncwarp();
#pragma unroll 2
    for (int i = 0; i < 16 * kRowTiles * kChunks / kWarp; ++i) {
      const int index = lane_index() + i * kWarp;
      const int row = first_row + index / kChunks, column = index % kChunks * kChunk;
      if (tokens.has(row, column))
        store_pack(to.at(tokens, row, column), load_pack(chunk(row, index % kChunks)));
    }
  }

  // Fragment a of 16 rows and 16 columns; or fragments b of 16 rows (depth) and two times 8 columns, by the
  // transposing load.
  __device__ __forceinline__ const T* rows_place(int first_row, int first_column) const {
    return place(first_row, lane_index() % 16, first_column, lane_index() / 16);
  }
  // Fragments b of two times 8 rows, the columns of a product, and 16 columns (depth).
  __device__ __forceinline__ const T* columns_place(int first_row, int first_column) const {
    return place(first_row, lane_index() % 8 + lane_index() / 16 * 8, first_column, lane_index() / 8 % 2);
  }

 private:
  static constexpr int kTurned = kChunks % 8 == 0 ? 8 : 4;  // chunks that change places

  __device__ static __forceinline__ int turn(int row) {
    return kTurned == 8 ? row % 8 : row / 2 % 4;
  }

  // Chunk 0 or 1 behind first_column of a row behind first_row; both firsts multiples of 16. Split such that
  // the lane's part is the same for many places.
  __device__ __forceinline__ T* place(int first_row, int row, int first_column, int column_chunk) const {
    const int first_chunk = first_column / kChunk, outer = first_chunk / kTurned * kTurned;
    const int inner = (first_chunk % kTurned + column_chunk) ^ turn(row);
    return data_ + (first_row * kWidth + outer * kChunk) + (row * kWidth + inner * kChunk);
  }

  T* data_;
};

// x = rows of a from first_row on * b^T
template <int kRowTiles, typename T, int kRows, int kColumns, int kWidth>
__device__ __forceinline__ void multiply_rows(const SharedTile<T, kRows, kWidth>& a, int first_row,
                                              const SharedTile<T, kColumns, kWidth>& b,
                                              Accumulators<kRowTiles, kColumns>& x) {
  clear(x);
#pragma unroll
  for (int k = 0; k < kWidth; k += 16) {
    uint32_t rows[kRowTiles][4];
#pragma unroll
    for (int m = 0; m < kRowTiles; ++m) load_matrix_x4(rows[m], a.rows_place(first_row + 16 * m, k));
#pragma unroll
    for (int n = 0; n < kColumns / 8; n += 2) {
      uint32_t columns[4];
      load_matrix_x4(columns, b.columns_place(8 * n, k));
#pragma unroll
      for (int m = 0; m < kRowTiles; ++m) {
        multiply_accumulate<T>(x[m][n], rows[m], columns[0], columns[1]);
        multiply_accumulate<T>(x[m][n + 1], rows[m], columns[2], columns[3]);
      }
    }
  }
}

// x += a, rounded to T, * b
template <int kRowTiles, typename T, int kDepth, int kWidth>
__device__ __forceinline__ void multiply_weights(const Accumulators<kRowTiles, kDepth>& a,
                                                 const SharedTile<T, kDepth, kWidth>& b,
                                                 Accumulators<kRowTiles, kWidth>& x) {
#pragma unroll
  for (int k = 0; k < kDepth / 16; ++k) {
    uint32_t rows[kRowTiles][4];
#pragma unroll
    for (int m = 0; m < kRowTiles; ++m)
#pragma unroll
      for (int i = 0; i < 4; ++i)
        rows[m][i] = pack_pair(a[m][2 * k + i / 2][i % 2 * 2], a[m][2 * k + i / 2][i % 2 * 2 + 1], T{});
#pragma unroll
    for (int n = 0; n < kWidth / 8; n += 2) {
      uint32_t columns[4];
      load_matrix_transposed_x4(columns, b.rows_place(16 * k, 8 * n));
#pragma unroll
      for (int m = 0; m < kRowTiles; ++m) {
        multiply_accumulate<T>(x[m][n], rows[m], columns[0], columns[1]);
        multiply_accumulate<T>(x[m][n + 1], rows[m], columns[2], columns[3]);
      }
    }
  }
}

#endif

}  // namespace paraplan
