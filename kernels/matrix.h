#pragma once

#include <cstddef>
#include <cstdint>

namespace paraplan {

enum class ElementType { fp16, bf16, fp32, fp64 };

inline int64_t size_of(ElementType type) {
  if (type == ElementType::fp64) return 8;
  return type == ElementType::fp32 ? 4 : 2;
}

// What sums over elements of `type` are kept in: gradients of weights, statistics, the optimizer's state.
inline ElementType accumulation_type(ElementType type) {
  return type == ElementType::fp64 ? ElementType::fp64 : ElementType::fp32;
}

// A row-major matrix in the backend's memory; it owns nothing. Element type: the backend's, or its
// accumulation type where Backend says so.
struct Matrix {
  void* data = nullptr;
  int64_t rows = 0, columns = 0;
  int64_t stride = 0;  // elements between the starts of neighbouring rows

  int64_t elements() const { return rows * columns; }
};

// `count` columns of m from `first` on.
inline Matrix columns_of(const Matrix& m, int64_t first, int64_t count, ElementType type) {
  return {static_cast<char*>(m.data) + first * size_of(type), m.rows, count, m.stride};
}

// Rows of heads side by side, as a projection leaves them. Head h (of `width`) of token t of sample b is at
//   data[((part * batch + b) * tokens + t % tokens) * stride + h * width],   part = t / tokens.
// A context group's gathered keys come in one part per rank; otherwise `tokens` is the whole sequence.
struct HeadRows {
  void* data = nullptr;
  int64_t stride = 0;  // elements between neighbouring rows
  int64_t tokens = 0;  // of a sample in one part
};

// Attention of one rank: scores are (B * H, T, T'), as a matrix (B * H * T, T').
struct AttentionShape {
  int64_t batch = 1;        // B
  int64_t heads = 1;        // H, local
  int64_t kv_heads = 1;     // G, local; heads h of one group h / (H / G) share keys and values
  int64_t queries = 1;      // T, tokens of a sample on this rank
  int64_t keys = 1;         // T', tokens of a sample over the context group
  int64_t width = 1;        // of a head
  int64_t first_query = 0;  // position of query 0 in the sample
  bool causal = true;       // a query sees keys at positions up to its own

  int64_t rows() const { return batch * heads * queries; }
};

// Where the rows of a local matrix lie in the unsharded batch: row r stands for group (head) g of sample b at
// position t, with  s = r + first_row,  t = s % tokens,  g = s / tokens % groups,  b = s / (tokens * groups).
struct RowMap {
  int64_t first_row = 0;     // rows cut off in front (sequence parallel)
  int64_t tokens = 1;        // of a sample on this rank
  int64_t first_token = 0;   // position of the first of them
  int64_t all_tokens = 1;    // of a sample over all ranks
  int64_t groups = 1;        // heads on this rank; 1 where rows are tokens
  int64_t first_group = 0;   // index of the first of them
  int64_t all_groups = 1;    // over all ranks
  int64_t first_sample = 0;  // index in the global batch

  int64_t position(int64_t row) const { return first_token + (row + first_row) % tokens; }
  // Index of the row in the unsharded batch: the same on any layout.
  int64_t global_row(int64_t row) const {
    const int64_t s = row + first_row;
    const int64_t group = first_group + s / tokens % groups, sample = first_sample + s / (tokens * groups);
    return (sample * all_groups + group) * all_tokens + position(row);
  }
};

// Which random numbers a dropout draws. Number i of a mask is number i % 4 of the Philox 4x32-10 block
// (Salmon et al. 2011) with counter {low word of i / 4, high word of i / 4, site, step} and key {low, high
// word of seed}, i = global_row(r) * columns + c; the element is kept when the number is at or above
// probability * 2^32. So every layout and every backend draws the same masks.
struct DropoutDraw {
  double probability = 0;  // of an element to be zeroed; the kept ones are scaled by 1 / (1 - probability)
  uint64_t seed = 0;
  uint32_t site = 0;  // the same op of the same layer
  uint32_t step = 0;  // training step
  RowMap rows;
};

}  // namespace paraplan
