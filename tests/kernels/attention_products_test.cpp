// Attention's products against sums written out, for keys in one and in several parts and for shared keys.
#include "tests/kernels/support.h"

namespace paraplan {
namespace {

constexpr AttentionShape kShape{.batch = 2,
                                .heads = 6,
                                .kv_heads = 3,
                                .queries = 5,
                                .keys = 15,
                                .width = 7,
                                .first_query = 5,
                                .causal = true};

class AttentionProductsTest : public KernelTest {
 protected:
  int64_t parts = 1;

  int64_t key_tokens() const { return kShape.keys / parts; }
  // Row of key token `token` of a sample.
  int64_t key_row(int64_t sample, int64_t token) const {
    return (token / key_tokens() * kShape.batch + sample) * key_tokens() + token % key_tokens();
  }
  // Calls body(score row, query row, key, key row, first column of the query head, of the key head).
  template <typename Body>
  void for_scores(const Body& body) const {
    for (int64_t b = 0; b < kShape.batch; ++b)
      for (int64_t h = 0; h < kShape.heads; ++h)
        for (int64_t t = 0; t < kShape.queries; ++t)
          for (int64_t k = 0; k < kShape.keys; ++k)
            body((b * kShape.heads + h) * kShape.queries + t, b * kShape.queries + t, k, key_row(b, k),
                 h * kShape.width, h / 2 * kShape.width);
  }

  const Values query = random_values(kShape.batch * kShape.queries, kShape.heads* kShape.width, 1);
  const Values key = random_values(kShape.batch * kShape.keys, kShape.kv_heads* kShape.width, 2);
  const Values scores = random_values(kShape.rows(), kShape.keys, 3);
  const Values context = random_values(kShape.rows(), kShape.width, 4);
};
PARAPLAN_ALL_TYPES(AttentionProductsTest);

TEST_P(AttentionProductsTest, ScoresAreQueryTimesKey) {
  for (const int64_t n : {1, 3}) {
    parts = n;
    const DeviceMatrix q(*backend, query), k(*backend, key), s(*backend, scores.rows, scores.columns);
    backend->attention_scores(kShape, q.head_rows(kShape.queries), k.head_rows(key_tokens()), s);
    Values expected(scores.rows, scores.columns);
    for_scores([&](int64_t row, int64_t query_row, int64_t at, int64_t row_of_key, int64_t q0, int64_t k0) {
      for (int64_t i = 0; i < kShape.width; ++i)
        expected(row, at) += query(query_row, q0 + i) * key(row_of_key, k0 + i);
    });
    expect_near(s.values(), expected, kShape.width);
  }
}

TEST_P(AttentionProductsTest, ScoresHaveBothGradients) {
  for (const int64_t n : {1, 3}) {
    parts = n;
    const DeviceMatrix q(*backend, query), k(*backend, key), g(*backend, scores);
    const DeviceMatrix dq(*backend, query.rows, query.columns), dk(*backend, key.rows, key.columns);
    backend->attention_scores_query_gradient(kShape, g, k.head_rows(key_tokens()),
                                             dq.head_rows(kShape.queries));
    backend->attention_scores_key_gradient(kShape, g, q.head_rows(kShape.queries),
                                           dk.head_rows(key_tokens()));
    Values expected_dq(query.rows, query.columns), expected_dk(key.rows, key.columns);
    for_scores([&](int64_t row, int64_t query_row, int64_t at, int64_t row_of_key, int64_t q0, int64_t k0) {
      for (int64_t i = 0; i < kShape.width; ++i) {
        expected_dq(query_row, q0 + i) += scores(row, at) * key(row_of_key, k0 + i);
        expected_dk(row_of_key, k0 + i) += scores(row, at) * query(query_row, q0 + i);
      }
    });
    expect_near(dq.values(), expected_dq, kShape.keys);
    expect_near(dk.values(), expected_dk, 2 * kShape.queries);
  }
}

TEST_P(AttentionProductsTest, ContextIsProbabilitiesTimesValue) {
  for (const int64_t n : {1, 3}) {
    parts = n;
    const DeviceMatrix p(*backend, scores), v(*backend, key), c(*backend, context.rows, context.columns);
    backend->attention_context(kShape, p, v.head_rows(key_tokens()), c);
    Values expected(context.rows, context.columns);
    for_scores([&](int64_t row, int64_t, int64_t at, int64_t row_of_key, int64_t, int64_t k0) {
      for (int64_t i = 0; i < kShape.width; ++i)
        expected(row, i) += scores(row, at) * key(row_of_key, k0 + i);
    });
    expect_near(c.values(), expected, kShape.keys);
  }
}

TEST_P(AttentionProductsTest, ContextHasBothGradients) {
  for (const int64_t n : {1, 3}) {
    parts = n;
    const DeviceMatrix p(*backend, scores), v(*backend, key), g(*backend, context);
    const DeviceMatrix dp(*backend, scores.rows, scores.columns), dv(*backend, key.rows, key.columns);
    backend->attention_context_probabilities_gradient(kShape, g, v.head_rows(key_tokens()), dp);
    backend->attention_context_value_gradient(kShape, p, g, dv.head_rows(key_tokens()));
    Values expected_dp(scores.rows, scores.columns), expected_dv(key.rows, key.columns);
    for_scores([&](int64_t row, int64_t, int64_t at, int64_t row_of_key, int64_t, int64_t k0) {
      for (int64_t i = 0; i < kShape.width; ++i) {
        expected_dp(row, at) += context(row, i) * key(row_of_key, k0 + i);
        expected_dv(row_of_key, k0 + i) += scores(row, at) * context(row, i);
      }
    });
    expect_near(dp.values(), expected_dp, kShape.width);
    expect_near(dv.values(), expected_dv, 2 * kShape.queries);
  }
}

TEST_P(AttentionProductsTest, MergesAndSplitsHeads) {
  const DeviceMatrix c(*backend, context), merged(*backend, query.rows, query.columns);
  const DeviceMatrix split(*backend, context.rows, context.columns);
  backend->merge_heads(kShape, c, merged);
  backend->split_heads(kShape, merged, split);
  Values expected(query.rows, query.columns);
  for_scores([&](int64_t row, int64_t query_row, int64_t, int64_t, int64_t q0, int64_t) {
    for (int64_t i = 0; i < kShape.width; ++i) expected(query_row, q0 + i) = context(row, i);
  });
  EXPECT_EQ(merged.values().data, expected.data);
  EXPECT_EQ(split.values().data, context.data);
}

// The gradients agree with differences of the products themselves, seen through a random projection.
TEST(AttentionGradients, AgreeWithDifferences) {
  const AttentionShape shape{.batch = 1, .heads = 4, .kv_heads = 2, .queries = 3, .keys = 6, .width = 3};
  const auto cpu = make_backend("cpu", ElementType::fp64);
  const Values query = random_values(3, 12, 1), key = random_values(6, 6, 2),
               weights = random_values(12, 6, 3);
  const auto loss = [&](const Values& q, const Values& k) {
    const DeviceMatrix dq(*cpu, q), dk(*cpu, k), s(*cpu, 12, 6);
    cpu->attention_scores(shape, dq.head_rows(3), dk.head_rows(2), s);
    return inner(s.values(), weights);
  };
  const DeviceMatrix q(*cpu, query), k(*cpu, key), w(*cpu, weights), dq(*cpu, 3, 12), dk(*cpu, 6, 6);
  cpu->attention_scores_query_gradient(shape, w, k.head_rows(2), dq.head_rows(3));
  cpu->attention_scores_key_gradient(shape, w, q.head_rows(3), dk.head_rows(2));
  expect_gradient([&](const Values& x) { return loss(x, key); }, query, dq.values());
  expect_gradient([&](const Values& x) { return loss(query, x); }, key, dk.values());
}

TEST(ContextGradients, AgreeWithDifferences) {
  const AttentionShape shape{.batch = 1, .heads = 4, .kv_heads = 2, .queries = 3, .keys = 6, .width = 3};
  const auto cpu = make_backend("cpu", ElementType::fp64);
  const Values value = random_values(6, 6, 1), probability = random_values(12, 6, 2),
               weights = random_values(12, 3, 3);
  const auto loss = [&](const Values& p, const Values& v) {
    const DeviceMatrix dp(*cpu, p), dv(*cpu, v), c(*cpu, 12, 3);
    cpu->attention_context(shape, dp, dv.head_rows(2), c);
    return inner(c.values(), weights);
  };
  const DeviceMatrix p(*cpu, probability), v(*cpu, value), w(*cpu, weights), dp(*cpu, 12, 6), dv(*cpu, 6, 6);
  cpu->attention_context_probabilities_gradient(shape, w, v.head_rows(2), dp);
  cpu->attention_context_value_gradient(shape, p, w, dv.head_rows(2));
  expect_gradient([&](const Values& x) { return loss(x, value); }, probability, dp.values());
  expect_gradient([&](const Values& x) { return loss(probability, x); }, value, dv.values());
}

}  // namespace
}  // namespace paraplan
