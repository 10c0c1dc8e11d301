// Attention without stored scores (Dao et al. 2022), a block of queries of one head at a time. The scratch is
// a few vectors of kBlockQueries * T' elements at most, whatever the number of samples, heads and queries:
// too little to count as a workspace.
#include <cassert>
#include <cmath>
#include <vector>

#include "kernels/cpu/attention_blocks.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/dropout_mask.h"
#include "kernels/cpu/matrix_product.h"
#include "kernels/cpu/spans.h"

namespace paraplan {
namespace {

constexpr int64_t kBlockQueries = 32;

// Neighbouring queries of one head.
struct QueryBlock {
  int64_t sample = 0, head = 0;
  int64_t first = 0, rows = 0;  // tokens
  int64_t first_score = 0;      // row of the first query among the scores of all heads
  int64_t visible = 0;          // keys that any of the queries sees
};

template <typename Body>
void for_query_blocks(const AttentionShape& shape, const Body& body) {
  for (int64_t sample = 0; sample < shape.batch; ++sample)
    for (int64_t head = 0; head < shape.heads; ++head)
      for (int64_t first = 0; first < shape.queries; first += kBlockQueries) {
        QueryBlock at{sample, head, first};
        at.rows = std::min(kBlockQueries, shape.queries - first);
        at.first_score = (sample * shape.heads + head) * shape.queries + first;
        at.visible = visible_keys(shape, at.first_score + at.rows - 1);
        body(at);
      }
}

// (rows, width) of queries, or of merged rows.
template <typename Real>
Matrix queries_of(const AttentionShape& shape, const HeadRows& rows, const QueryBlock& at) {
  assert(rows.tokens == shape.queries);
  Matrix block = head_block<Real>(shape, rows, at.sample, at.head, 0);
  block.data = row_data<Real>(block, at.first);
  block.rows = at.rows;
  return block;
}

template <typename Real>
Matrix queries_of(const AttentionShape& shape, const Matrix& merged, const QueryBlock& at) {
  return queries_of<Real>(shape, HeadRows{merged.data, merged.stride, shape.queries}, at);
}

// Calls body(keys, their scores) for every part of the keys that the block sees; scores is (rows, T') with
// the keys of all parts side by side.
template <typename Real, typename Body>
void for_key_parts(const AttentionShape& shape, const HeadRows& keys, const Matrix& scores,
                   const QueryBlock& at, const Body& body) {
  assert(keys.tokens > 0 && shape.keys % keys.tokens == 0);
  for (int64_t part = 0; part * keys.tokens < at.visible; ++part) {
    const int64_t first = part * keys.tokens;
    Matrix block = head_block<Real>(shape, keys, at.sample, kv_head(shape, at.head), part);
    block.rows = std::min(keys.tokens, at.visible - first);
    body(block, Matrix{static_cast<Real*>(scores.data) + first, scores.rows, block.rows, scores.stride});
  }
}

// scores = queries * keys^T
template <typename Real>
void multiply_with_keys(const AttentionShape& shape, const QueryBlock& at, const Matrix& queries,
                        const HeadRows& keys, const Matrix& scores) {
  for_key_parts<Real>(shape, keys, scores, at, [&](const Matrix& part, const Matrix& part_scores) {
    multiply<Real>({.a = queries, .b = part, .transpose_b = true, .c = part_scores});
  });
}

// queries = scores * keys
template <typename Real>
void sum_over_keys(const AttentionShape& shape, const QueryBlock& at, const Matrix& scores,
                   const HeadRows& keys, const Matrix& queries) {
  bool accumulate = false;
  for_key_parts<Real>(shape, keys, scores, at, [&](const Matrix& part, const Matrix& part_scores) {
    multiply<Real>({.a = part_scores, .b = part, .c = queries, .accumulate = accumulate});
    accumulate = true;
  });
}

// keys += scores^T * queries
template <typename Real>
void add_to_keys(const AttentionShape& shape, const QueryBlock& at, const Matrix& scores,
                 const Matrix& queries, const HeadRows& keys) {
  for_key_parts<Real>(shape, keys, scores, at, [&](const Matrix& part, const Matrix& part_scores) {
    multiply<Real>({.a = part_scores, .transpose_a = true, .b = queries, .c = part, .accumulate = true});
  });
}

template <typename Real>
void clear_keys(const AttentionShape& shape, const HeadRows& keys) {
  const Matrix rows{keys.data, shape.batch * shape.keys, shape.kv_heads * shape.width, keys.stride};
  for (int64_t r = 0; r < rows.rows; ++r) row_span<Real>(rows, r).setZero();
}

// Scores of a block of queries. Aligned, so that sums over a row are in the same order whenever they are
// made.
template <typename Real>
class ScoreBlock {
 public:
  explicit ScoreBlock(const AttentionShape& shape)
      : data_(std::min(kBlockQueries, shape.queries), shape.keys) {}

  Matrix rows(const QueryBlock& at) { return {data_.data(), at.rows, data_.cols(), data_.cols()}; }

 private:
  Eigen::Array<Real, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> data_;
};

// What a row of probabilities is multiplied by: 0 where dropped, 1 / (1 - probability) where kept.
template <typename Real>
class DropoutRow {
 public:
  DropoutRow(const DropoutDraw& draw, int64_t keys)
      : draw_(draw), mask_(static_cast<size_t>(keys)), factors_(static_cast<size_t>(keys), Real{1}) {}

  // Of row `row` of all scores, up to key `visible`. Good until the next call.
  Span<Real> factors(int64_t row, int64_t visible) {
    if (draw_.probability > 0) {
      const auto scale = static_cast<Real>(1 / (1 - draw_.probability));
      draw_mask_row(draw_, row, static_cast<int64_t>(mask_.size()), mask_.data());
      for (size_t i = 0; i < static_cast<size_t>(visible); ++i) factors_[i] = mask_[i] != 0 ? scale : Real{0};
    }
    return {factors_.data(), visible};
  }

 private:
  const DropoutDraw& draw_;
  std::vector<uint8_t> mask_;
  std::vector<Real> factors_;
};

}  // namespace

template <typename Real>
void CpuBackend<Real>::flash_attention(const AttentionShape& shape, double scale, const DropoutDraw& draw,
                                       const HeadRows& query, const HeadRows& key, const HeadRows& value,
                                       const Matrix& merged, const Matrix& log_sum_exp) {
  const auto factor = static_cast<Real>(scale);
  ScoreBlock<Real> scratch(shape);
  DropoutRow<Real> dropout_row(draw, shape.keys);
  for_query_blocks(shape, [&](const QueryBlock& at) {
    const Matrix scores = scratch.rows(at);
    multiply_with_keys<Real>(shape, at, queries_of<Real>(shape, query, at), key, scores);
    for (int64_t r = 0; r < at.rows; ++r) {
      const int64_t visible = visible_keys(shape, at.first_score + r);
      auto row = span<Real>(scores, r, 0, visible);
      const Real maximum = row.maxCoeff();
      row = ((row - maximum) * factor).exp();
      const Real sum = row.sum();
      *row_data<Real>(log_sum_exp, at.first_score + r) = factor * maximum + std::log(sum);
      row *= dropout_row.factors(at.first_score + r, visible) * (1 / sum);
      span<Real>(scores, r, visible, at.visible - visible).setZero();
    }
    sum_over_keys<Real>(shape, at, scores, value, queries_of<Real>(shape, merged, at));
  });
}

// With P the probabilities, Z the factors of the dropout and dP~ = dO V^T:  dV = (P Z)^T dO and, because the
// sum of P Z dP~ over a row is that of dO O,  dS = scale * P (Z dP~ - sum(dO O)), dQ = dS K, dK = dS^T Q.
template <typename Real>
void CpuBackend<Real>::flash_attention_gradient(const AttentionShape& shape, double scale,
                                                const DropoutDraw& draw, const Matrix& gradient,
                                                const HeadRows& query, const HeadRows& key,
                                                const HeadRows& value, const Matrix& merged,
                                                const Matrix& log_sum_exp, const HeadRows& query_gradient,
                                                const HeadRows& key_gradient,
                                                const HeadRows& value_gradient) {
  const auto factor = static_cast<Real>(scale);
  ScoreBlock<Real> probability_scratch(shape), gradient_scratch(shape);
  DropoutRow<Real> dropout_row(draw, shape.keys);
  clear_keys<Real>(shape, key_gradient);
  clear_keys<Real>(shape, value_gradient);
  for_query_blocks(shape, [&](const QueryBlock& at) {
    const Matrix probabilities = probability_scratch.rows(at), scores_gradient = gradient_scratch.rows(at);
    const Matrix queries = queries_of<Real>(shape, query, at), out = queries_of<Real>(shape, merged, at),
                 out_gradient = queries_of<Real>(shape, gradient, at);
    multiply_with_keys<Real>(shape, at, queries, key, probabilities);
    multiply_with_keys<Real>(shape, at, out_gradient, value, scores_gradient);
    for (int64_t r = 0; r < at.rows; ++r) {
      const int64_t row = at.first_score + r, visible = visible_keys(shape, row);
      auto p = span<Real>(probabilities, r, 0, visible), ds = span<Real>(scores_gradient, r, 0, visible);
      const auto z = dropout_row.factors(row, visible);
      const Real inner = (row_span<Real>(out_gradient, r) * row_span<Real>(out, r)).sum();
      p = (p * factor - *row_data<Real>(log_sum_exp, row)).exp();
      ds = factor * p * (z * ds - inner);
      p *= z;
      for (const Matrix& m : {probabilities, scores_gradient})
        span<Real>(m, r, visible, at.visible - visible).setZero();
    }
    add_to_keys<Real>(shape, at, probabilities, out_gradient, value_gradient);
    add_to_keys<Real>(shape, at, scores_gradient, queries, key_gradient);
    sum_over_keys<Real>(shape, at, scores_gradient, key, queries_of<Real>(shape, query_gradient, at));
  });
}

template class CpuBackend<float>;
template class CpuBackend<double>;

}  // namespace paraplan
