// Attention without fused kernels: its matrix products, batched over heads. Heads of one group follow each
// other, so their rows of scores and of context are one matrix, and products that need nothing else of a head
// are done for the whole group at once.
#include <cassert>

#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/element.cuh"

namespace paraplan {
namespace {

int64_t group_size(const AttentionShape& shape) {
  return shape.heads / shape.kv_heads;
}

// (T of `heads` heads, columns) of a matrix with a row per sample, head and query.
template <typename T>
Matrix head_rows(const AttentionShape& shape, const Matrix& m, int64_t sample, int64_t head, int64_t heads) {
  T* data = static_cast<T*>(m.data) + (sample * shape.heads + head) * shape.queries * m.stride;
  return {data, heads * shape.queries, m.columns, m.stride};
}

// (tokens, width) of a head in one part of rows of heads.
template <typename T>
Matrix token_rows(const AttentionShape& shape, const HeadRows& rows, int64_t sample, int64_t head,
                  int64_t part) {
  const int64_t row = (part * shape.batch + sample) * rows.tokens;
  return {static_cast<T*>(rows.data) + row * rows.stride + head * shape.width, rows.tokens, shape.width,
          rows.stride};
}

// The columns of scores or probabilities that belong to one part of the keys.
template <typename T>
Matrix part_of(const Matrix& scores, const HeadRows& keys, int64_t part) {
  return columns_of(scores, part * keys.tokens, keys.tokens, kElementType<T>);
}

template <typename Body>
void for_sample_parts(const AttentionShape& shape, const HeadRows& keys, const Body& body) {
  assert(keys.tokens > 0 && shape.keys % keys.tokens == 0);
  for (int64_t sample = 0; sample < shape.batch; ++sample)
    for (int64_t part = 0; part < shape.keys / keys.tokens; ++part) body(sample, part);
}

// Products of one query head with the keys of its group.
struct HeadBatch {
  int64_t first_head = 0;     // of the first product
  int64_t heads_between = 0;  // neighbouring products
  int64_t groups_between = 0;
  int64_t count = 0;

  int64_t group(const AttentionShape& shape) const { return first_head / group_size(shape); }
};

// All heads of a sample in the fewest batches: over the groups, or over the heads of a group.
template <typename Body>
void for_head_batches(const AttentionShape& shape, const Body& body) {
  const int64_t heads = group_size(shape), groups = shape.kv_heads;
  if (heads <= groups)
    for (int64_t head = 0; head < heads; ++head) body(HeadBatch{head, heads, 1, groups});
  else
    for (int64_t group = 0; group < groups; ++group) body(HeadBatch{group * heads, 1, 0, heads});
}

}  // namespace

template <typename T>
void CudaBackend<T>::attention_scores(const AttentionShape& shape, const HeadRows& query, const HeadRows& key,
                                      const Matrix& scores) {
  for_sample_parts(shape, key, [&](int64_t sample, int64_t part) {
    for_head_batches(shape, [&](const HeadBatch& at) {
      const Matrix result = head_rows<T>(shape, scores, sample, at.first_head, 1);
      products_.batched({.first = {.a = token_rows<T>(shape, query, sample, at.first_head, 0),
                                   .b = token_rows<T>(shape, key, sample, at.group(shape), part),
                                   .transpose_b = true,
                                   .c = part_of<T>(result, key, part)},
                         .count = at.count,
                         .stride_a = at.heads_between * shape.width,
                         .stride_b = at.groups_between * shape.width,
                         .stride_c = at.heads_between * shape.queries * scores.stride});
    });
  });
}

template <typename T>
void CudaBackend<T>::attention_scores_query_gradient(const AttentionShape& shape, const Matrix& gradient,
                                                     const HeadRows& key, const HeadRows& query_gradient) {
  for_sample_parts(shape, key, [&](int64_t sample, int64_t part) {
    for_head_batches(shape, [&](const HeadBatch& at) {
      const Matrix of_head = head_rows<T>(shape, gradient, sample, at.first_head, 1);
      products_.batched({.first = {.a = part_of<T>(of_head, key, part),
                                   .b = token_rows<T>(shape, key, sample, at.group(shape), part),
                                   .c = token_rows<T>(shape, query_gradient, sample, at.first_head, 0),
                                   .accumulate = part > 0},
                         .count = at.count,
                         .stride_a = at.heads_between * shape.queries * gradient.stride,
                         .stride_b = at.groups_between * shape.width,
                         .stride_c = at.heads_between * shape.width});
    });
  });
}

// The heads of a group add to the same gradient, one after the other.
template <typename T>
void CudaBackend<T>::attention_scores_key_gradient(const AttentionShape& shape, const Matrix& gradient,
                                                   const HeadRows& query, const HeadRows& key_gradient) {
  const int64_t heads = group_size(shape);
  for_sample_parts(shape, key_gradient, [&](int64_t sample, int64_t part) {
    for (int64_t head = 0; head < heads; ++head) {
      const Matrix of_head = head_rows<T>(shape, gradient, sample, head, 1);
      products_.batched({.first = {.a = part_of<T>(of_head, key_gradient, part),
                                   .transpose_a = true,
                                   .b = token_rows<T>(shape, query, sample, head, 0),
                                   .c = token_rows<T>(shape, key_gradient, sample, 0, part),
                                   .accumulate = head > 0},
                         .count = shape.kv_heads,
                         .stride_a = heads * shape.queries * gradient.stride,
                         .stride_b = heads * shape.width,
                         .stride_c = shape.width});
    }
  });
}

template <typename T>
void CudaBackend<T>::attention_context(const AttentionShape& shape, const Matrix& probabilities,
                                       const HeadRows& value, const Matrix& context) {
  const int64_t heads = group_size(shape);
  for_sample_parts(shape, value, [&](int64_t sample, int64_t part) {
    const Matrix of_group = head_rows<T>(shape, probabilities, sample, 0, heads);
    products_.batched({.first = {.a = part_of<T>(of_group, value, part),
                                 .b = token_rows<T>(shape, value, sample, 0, part),
                                 .c = head_rows<T>(shape, context, sample, 0, heads),
                                 .accumulate = part > 0},
                       .count = shape.kv_heads,
                       .stride_a = heads * shape.queries * probabilities.stride,
                       .stride_b = shape.width,
                       .stride_c = heads * shape.queries * context.stride});
  });
}

template <typename T>
void CudaBackend<T>::attention_context_probabilities_gradient(const AttentionShape& shape,
                                                              const Matrix& gradient, const HeadRows& value,
                                                              const Matrix& probabilities_gradient) {
  const int64_t heads = group_size(shape);
  for_sample_parts(shape, value, [&](int64_t sample, int64_t part) {
    const Matrix of_group = head_rows<T>(shape, probabilities_gradient, sample, 0, heads);
    products_.batched({.first = {.a = head_rows<T>(shape, gradient, sample, 0, heads),
                                 .b = token_rows<T>(shape, value, sample, 0, part),
                                 .transpose_b = true,
                                 .c = part_of<T>(of_group, value, part)},
                       .count = shape.kv_heads,
                       .stride_a = heads * shape.queries * gradient.stride,
                       .stride_b = shape.width,
                       .stride_c = heads * shape.queries * probabilities_gradient.stride});
  });
}

template <typename T>
void CudaBackend<T>::attention_context_value_gradient(const AttentionShape& shape,
                                                      const Matrix& probabilities, const Matrix& gradient,
                                                      const HeadRows& value_gradient) {
  const int64_t heads = group_size(shape);
  for_sample_parts(shape, value_gradient, [&](int64_t sample, int64_t part) {
    const Matrix of_group = head_rows<T>(shape, probabilities, sample, 0, heads);
    products_.batched({.first = {.a = part_of<T>(of_group, value_gradient, part),
                                 .transpose_a = true,
                                 .b = head_rows<T>(shape, gradient, sample, 0, heads),
                                 .c = token_rows<T>(shape, value_gradient, sample, 0, part)},
                       .count = shape.kv_heads,
                       .stride_a = heads * shape.queries * probabilities.stride,
                       .stride_b = heads * shape.queries * gradient.stride,
                       .stride_c = shape.width});
  });
}

template class CudaBackend<float>;
template class CudaBackend<Half>;
template class CudaBackend<Bfloat16>;

}  // namespace paraplan
