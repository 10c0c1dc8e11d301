#pragma once

#include <algorithm>

#include "kernels/matrix.h"

namespace paraplan {

// (tokens, width) of one head of one part of rows of heads.
template <typename Real>
Matrix head_block(const AttentionShape& shape, const HeadRows& rows, int64_t sample, int64_t head,
                  int64_t part) {
  const int64_t row = (part * shape.batch + sample) * rows.tokens;
  return {static_cast<Real*>(rows.data) + row * rows.stride + head * shape.width, rows.tokens, shape.width,
          rows.stride};
}

// Head of keys and values that a query head works with.
inline int64_t kv_head(const AttentionShape& shape, int64_t head) {
  return head / (shape.heads / shape.kv_heads);
}

// Keys that the query of a row of scores sees: the first so many.
inline int64_t visible_keys(const AttentionShape& shape, int64_t row) {
  if (!shape.causal) return shape.keys;
  return std::min(shape.first_query + row % shape.queries + 1, shape.keys);
}

}  // namespace paraplan
