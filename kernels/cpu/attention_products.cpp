#include <cassert>

#include "kernels/cpu/attention_blocks.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/matrix_product.h"
#include "kernels/cpu/spans.h"

namespace paraplan {
namespace {

// Query head `head` of sample `sample` against one part of the keys that it sees.
struct HeadPart {
  int64_t sample = 0, head = 0, part = 0;
};

// Calls body for every head and part. Parts are innermost: results summed over them stay in the cache.
template <typename Body>
void for_head_parts(const AttentionShape& shape, const HeadRows& keys, const Body& body) {
  assert(keys.tokens > 0 && shape.keys % keys.tokens == 0);
  for (int64_t sample = 0; sample < shape.batch; ++sample)
    for (int64_t head = 0; head < shape.heads; ++head)
      for (int64_t part = 0; part < shape.keys / keys.tokens; ++part) body(HeadPart{sample, head, part});
}

// (T, T' / parts) of the scores or probabilities.
template <typename Real>
Matrix score_block(const AttentionShape& shape, const HeadRows& keys, const Matrix& scores,
                   const HeadPart& at) {
  const int64_t row = (at.sample * shape.heads + at.head) * shape.queries;
  return {row_data<Real>(scores, row) + at.part * keys.tokens, shape.queries, keys.tokens, scores.stride};
}

// (T, width) of a (B * H * T, width) matrix.
template <typename Real>
Matrix context_block(const AttentionShape& shape, const Matrix& context, const HeadPart& at) {
  const int64_t row = (at.sample * shape.heads + at.head) * shape.queries;
  return {row_data<Real>(context, row), shape.queries, shape.width, context.stride};
}

template <typename Real>
Matrix query_block(const AttentionShape& shape, const HeadRows& queries, const HeadPart& at) {
  assert(queries.tokens == shape.queries);
  return head_block<Real>(shape, queries, at.sample, at.head, 0);
}

template <typename Real>
Matrix key_block(const AttentionShape& shape, const HeadRows& keys, const HeadPart& at) {
  return head_block<Real>(shape, keys, at.sample, kv_head(shape, at.head), at.part);
}

// Whether an earlier query head has already given its share to the gradient of the same keys.
bool follows_in_group(const AttentionShape& shape, const HeadPart& at) {
  return at.head % (shape.heads / shape.kv_heads) > 0;
}

}  // namespace

template <typename Real>
void CpuBackend<Real>::attention_scores(const AttentionShape& shape, const HeadRows& query,
                                        const HeadRows& key, const Matrix& scores) {
  for_head_parts(shape, key, [&](const HeadPart& at) {
    multiply<Real>({.a = query_block<Real>(shape, query, at),
                    .b = key_block<Real>(shape, key, at),
                    .transpose_b = true,
                    .c = score_block<Real>(shape, key, scores, at)});
  });
}

template <typename Real>
void CpuBackend<Real>::attention_scores_query_gradient(const AttentionShape& shape, const Matrix& gradient,
                                                       const HeadRows& key, const HeadRows& query_gradient) {
  for_head_parts(shape, key, [&](const HeadPart& at) {
    multiply<Real>({.a = score_block<Real>(shape, key, gradient, at),
                    .b = key_block<Real>(shape, key, at),
                    .c = query_block<Real>(shape, query_gradient, at),
                    .accumulate = at.part > 0});
  });
}

template <typename Real>
void CpuBackend<Real>::attention_scores_key_gradient(const AttentionShape& shape, const Matrix& gradient,
                                                     const HeadRows& query, const HeadRows& key_gradient) {
  for_head_parts(shape, key_gradient, [&](const HeadPart& at) {
    multiply<Real>({.a = score_block<Real>(shape, key_gradient, gradient, at),
                    .transpose_a = true,
                    .b = query_block<Real>(shape, query, at),
                    .c = key_block<Real>(shape, key_gradient, at),
                    .accumulate = follows_in_group(shape, at)});
  });
}

template <typename Real>
void CpuBackend<Real>::attention_context(const AttentionShape& shape, const Matrix& probabilities,
                                         const HeadRows& value, const Matrix& context) {
  for_head_parts(shape, value, [&](const HeadPart& at) {
    multiply<Real>({.a = score_block<Real>(shape, value, probabilities, at),
                    .b = key_block<Real>(shape, value, at),
                    .c = context_block<Real>(shape, context, at),
                    .accumulate = at.part > 0});
  });
}

template <typename Real>
void CpuBackend<Real>::attention_context_probabilities_gradient(const AttentionShape& shape,
                                                                const Matrix& gradient, const HeadRows& value,
                                                                const Matrix& probabilities_gradient) {
  for_head_parts(shape, value, [&](const HeadPart& at) {
    multiply<Real>({.a = context_block<Real>(shape, gradient, at),
                    .b = key_block<Real>(shape, value, at),
                    .transpose_b = true,
                    .c = score_block<Real>(shape, value, probabilities_gradient, at)});
  });
}

template <typename Real>
void CpuBackend<Real>::attention_context_value_gradient(const AttentionShape& shape,
                                                        const Matrix& probabilities, const Matrix& gradient,
                                                        const HeadRows& value_gradient) {
  for_head_parts(shape, value_gradient, [&](const HeadPart& at) {
    multiply<Real>({.a = score_block<Real>(shape, value_gradient, probabilities, at),
                    .transpose_a = true,
                    .b = context_block<Real>(shape, gradient, at),
                    .c = key_block<Real>(shape, value_gradient, at),
                    .accumulate = follows_in_group(shape, at)});
  });
}

template class CpuBackend<float>;
template class CpuBackend<double>;

}  // namespace paraplan
