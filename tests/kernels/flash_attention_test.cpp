// Attention without stored scores against the same attention kernel by kernel, and against differences.
#include <cmath>

#include "tests/kernels/support.h"

namespace paraplan {
namespace {

constexpr double kScale = 0.35;

// One attention: its shape, in how many parts keys and values come, what the dropout does.
struct Case {
  AttentionShape shape;
  int64_t parts = 1;
  double dropout = 0;

  int64_t key_tokens() const { return shape.keys / parts; }
  int64_t query_rows() const { return shape.batch * shape.queries; }
  int64_t key_rows() const { return shape.batch * shape.keys; }
  int64_t query_width() const { return shape.heads * shape.width; }
  int64_t key_width() const { return shape.kv_heads * shape.width; }

  // A rank in the middle of tensor and context groups.
  DropoutDraw draw() const {
    RowMap rows{.tokens = shape.queries, .first_token = shape.first_query, .all_tokens = shape.keys};
    rows.groups = shape.heads, rows.first_group = shape.heads, rows.all_groups = 3 * shape.heads;
    rows.first_sample = 5;
    return {.probability = dropout, .seed = 0x123456789ABCDEF0, .site = 17, .step = 5, .rows = rows};
  }
};

// More queries than a kernel may take at a time, in odd numbers; shared keys; later queries; several parts.
std::vector<Case> cases() {
  const AttentionShape square{.batch = 2, .heads = 2, .kv_heads = 2, .queries = 75, .keys = 75, .width = 8};
  const AttentionShape shared{.batch = 2, .heads = 6, .kv_heads = 2, .queries = 37, .keys = 37, .width = 5};
  const AttentionShape middle{
      .batch = 2, .heads = 4, .kv_heads = 2, .queries = 35, .keys = 105, .width = 16, .first_query = 35};
  const AttentionShape single{.heads = 1, .kv_heads = 1, .queries = 1, .keys = 1, .width = 4};
  std::vector<Case> all;
  for (const bool causal : {false, true})
    for (const double dropout : {0.0, 0.3})
      for (Case c : {Case{square}, Case{shared}, Case{middle}, Case{middle, 3}, Case{single}}) {
        c.shape.causal = causal;
        c.dropout = dropout;
        all.push_back(c);
      }
  return all;
}

struct Inputs {
  explicit Inputs(const Case& c)
      : query(random_values(c.query_rows(), c.query_width(), 1)),
        key(random_values(c.key_rows(), c.key_width(), 2)),
        value(random_values(c.key_rows(), c.key_width(), 3)),
        gradient(random_values(c.query_rows(), c.query_width(), 4)) {}
  Values query, key, value, gradient;
};

struct Results {
  Values merged, log_sum_exp, query_gradient, key_gradient, value_gradient;
};

Results flash(Backend& backend, const Case& c, const Inputs& in) {
  const AttentionShape& s = c.shape;
  const DeviceMatrix q(backend, in.query), k(backend, in.key), v(backend, in.value), g(backend, in.gradient);
  const DeviceMatrix merged(backend, c.query_rows(), c.query_width()), sums(backend, s.rows(), 1);
  const DeviceMatrix dq(backend, c.query_rows(), c.query_width()), dk(backend, c.key_rows(), c.key_width()),
      dv(backend, c.key_rows(), c.key_width());
  const HeadRows query = q.head_rows(s.queries), key = k.head_rows(c.key_tokens()),
                 value = v.head_rows(c.key_tokens());
  backend.flash_attention(s, kScale, c.draw(), query, key, value, merged, sums);
  backend.flash_attention_gradient(s, kScale, c.draw(), g, query, key, value, merged, sums,
                                   dq.head_rows(s.queries), dk.head_rows(c.key_tokens()),
                                   dv.head_rows(c.key_tokens()));
  return {merged.values(), sums.values(), dq.values(), dk.values(), dv.values()};
}

Values log_sum_exp(const AttentionShape& shape, const Values& scores) {
  Values sums(scores.rows, 1);
  for (int64_t r = 0; r < scores.rows; ++r) {
    for (int64_t k = 0; k < scores.columns; ++k)
      if (!shape.causal || k <= shape.first_query + r % shape.queries)
        sums(r, 0) += std::exp(kScale * scores(r, k));
    sums(r, 0) = std::log(sums(r, 0));
  }
  return sums;
}

Results unfused(Backend& backend, const Case& c, const Inputs& in) {
  const AttentionShape& s = c.shape;
  const DeviceMatrix q(backend, in.query), k(backend, in.key), v(backend, in.value), g(backend, in.gradient);
  const DeviceMatrix p(backend, s.rows(), s.keys), dropped(backend, s.rows(), s.keys),
      dp(backend, s.rows(), s.keys);
  const DeviceMatrix context(backend, s.rows(), s.width), merged(backend, c.query_rows(), c.query_width());
  const DeviceMatrix dq(backend, c.query_rows(), c.query_width()), dk(backend, c.key_rows(), c.key_width()),
      dv(backend, c.key_rows(), c.key_width());
  const HeadRows query = q.head_rows(s.queries), key = k.head_rows(c.key_tokens()),
                 value = v.head_rows(c.key_tokens());
  std::vector<uint8_t> mask(static_cast<size_t>(s.rows() * s.keys));
  backend.attention_scores(s, query, key, p);
  const Values sums = log_sum_exp(s, p.values());
  backend.softmax(s, kScale, p);
  backend.dropout(c.draw(), p, dropped, mask.data());
  backend.attention_context(s, dropped, value, context);
  backend.merge_heads(s, context, merged);
  const Values out = merged.values();
  backend.split_heads(s, g, context);
  backend.attention_context_value_gradient(s, dropped, context, dv.head_rows(c.key_tokens()));
  backend.attention_context_probabilities_gradient(s, context, value, dp);
  backend.dropout_gradient(c.dropout, mask.data(), dp, dp);
  backend.softmax_gradient(s, kScale, p, dp);
  backend.attention_scores_query_gradient(s, dp, key, dq.head_rows(s.queries));
  backend.attention_scores_key_gradient(s, dp, query, dk.head_rows(c.key_tokens()));
  return {out, sums, dq.values(), dk.values(), dv.values()};
}

class FlashAttentionTest : public KernelTest {};
PARAPLAN_ALL_TYPES(FlashAttentionTest);

TEST_P(FlashAttentionTest, IsTheUnfusedAttention) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(testing::Message() << c.shape.queries << " queries, " << c.shape.keys << " keys in "
                                    << c.parts << " parts, " << c.shape.heads << " heads, causal "
                                    << c.shape.causal << ", dropout " << c.dropout);
    const Inputs in(c);
    const Results actual = flash(*backend, c, in), expected = unfused(*backend, c, in);
    expect_near(actual.merged, expected.merged, c.shape.keys);
    expect_near(actual.log_sum_exp, expected.log_sum_exp, c.shape.width);
    expect_near(actual.query_gradient, expected.query_gradient, c.shape.keys);
    expect_near(actual.key_gradient, expected.key_gradient, 3 * c.shape.queries);
    expect_near(actual.value_gradient, expected.value_gradient, 3 * c.shape.queries);
  }
}

// What a query does not see may hold anything.
TEST_P(FlashAttentionTest, GivesMaskedKeysNothing) {
  const Case c{
      {.batch = 1, .heads = 1, .kv_heads = 1, .queries = 40, .keys = 120, .width = 4, .first_query = 40}, 3};
  Inputs in(c);
  const Results clean = flash(*backend, c, in);
  for (int64_t r = 80; r < 120; ++r)  // the part behind the queries
    for (int64_t i = 0; i < 4; ++i) in.key(r, i) = in.value(r, i) = std::nan("");
  const Results dirty = flash(*backend, c, in);
  EXPECT_EQ(dirty.merged.data, clean.merged.data);
  EXPECT_EQ(dirty.query_gradient.data, clean.query_gradient.data);
  for (int64_t r = 80; r < 120; ++r)
    for (int64_t i = 0; i < 4; ++i) {
      ASSERT_EQ(dirty.key_gradient(r, i), 0);
      ASSERT_EQ(dirty.value_gradient(r, i), 0);
    }
}

TEST_P(FlashAttentionTest, TakesLargeScores) {
  const Case c{{.batch = 1, .heads = 1, .kv_heads = 1, .queries = 3, .keys = 3, .width = 2, .causal = false}};
  Inputs in(c);
  for (double& x : in.query.data) x *= 1000;
  for (double& x : in.key.data) x *= 1000;
  const Results r = flash(*backend, c, in);
  for (const Values* result : {&r.merged, &r.log_sum_exp, &r.query_gradient, &r.key_gradient})
    for (const double x : result->data) ASSERT_TRUE(std::isfinite(x));
}

TEST_P(FlashAttentionTest, ShowsNan) {
  const Case c{
      {.batch = 1, .heads = 1, .kv_heads = 1, .queries = 2, .keys = 40, .width = 2, .causal = false}};
  for (int64_t at = 0; at < 40; ++at) {
    Inputs in(c);
    in.key(at, 1) = std::nan("");
    EXPECT_TRUE(std::isnan(flash(*backend, c, in).merged(0, 0))) << "NaN in key " << at;
  }
}

// The dropout's masks are the same in both directions: its gradient is that of the masked function.
TEST(FlashAttentionGradients, AgreeWithDifferences) {
  const auto cpu = make_backend("cpu", ElementType::fp64);
  for (const bool causal : {false, true}) {
    const Case c{
        {.heads = 4, .kv_heads = 2, .queries = 3, .keys = 6, .width = 3, .first_query = 3, .causal = causal},
        2,
        0.3};
    const Inputs at(c);
    const Results r = flash(*cpu, c, at);
    const auto loss_along = [&](Values Inputs::*member) {
      return [&cpu, &c, &at, member](const Values& x) {
        Inputs in = at;
        in.*member = x;
        return inner(flash(*cpu, c, in).merged, in.gradient);
      };
    };
    expect_gradient(loss_along(&Inputs::query), at.query, r.query_gradient);
    expect_gradient(loss_along(&Inputs::key), at.key, r.key_gradient);
    expect_gradient(loss_along(&Inputs::value), at.value, r.value_gradient);
  }
}

}  // namespace
}  // namespace paraplan
