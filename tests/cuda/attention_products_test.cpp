#include "tests/cuda/twin.h"

namespace paraplan {
namespace {

// Own keys for every head, few heads per group, more heads in a group than groups, one group; in one or
// several parts; odd and even sizes. Then numbers of unused elements.
struct Case {
  AttentionShape shape;
  int64_t parts, unused;
};
constexpr Case kCases[] = {
    {{.batch = 2, .heads = 3, .kv_heads = 3, .queries = 5, .keys = 5, .width = 7}, 1, 3},
    {{.batch = 2, .heads = 6, .kv_heads = 3, .queries = 5, .keys = 15, .width = 7, .first_query = 5}, 3, 1},
    {{.batch = 1, .heads = 8, .kv_heads = 2, .queries = 16, .keys = 32, .width = 16, .first_query = 16},
     2,
     0},
    {{.batch = 2, .heads = 4, .kv_heads = 1, .queries = 8, .keys = 8, .width = 8}, 1, 8},
    {{.batch = 3, .heads = 4, .kv_heads = 4, .queries = 1, .keys = 9, .width = 8, .causal = false}, 1, 0}};

class CudaAttentionProductsTest : public CudaTest {
 protected:
  // The operands of a case; results start poisoned.
  struct Operands {
    Twin query, key, context, scores;
    Twin query_result, key_result, context_result, scores_result;
  };
  Operands operands(const Case& c) {
    const AttentionShape& s = c.shape;
    const int64_t rows = s.batch * s.queries, key_rows = s.batch * s.keys;
    return {.query = random(rows, s.heads * s.width, 1, c.unused),
            .key = random(key_rows, s.kv_heads * s.width, 1, c.unused),
            .context = random(s.rows(), s.width, 1, c.unused),
            .scores = random(s.rows(), s.keys, 1, c.unused),
            .query_result = poisoned(rows, s.heads * s.width, c.unused),
            .key_result = poisoned(key_rows, s.kv_heads * s.width, c.unused),
            .context_result = poisoned(s.rows(), s.width, c.unused),
            .scores_result = poisoned(s.rows(), s.keys, c.unused)};
  }
  static HeadRows queries(const Case& c, const Matrix& m) { return {m.data, m.stride, c.shape.queries}; }
  static HeadRows keys(const Case& c, const Matrix& m) { return {m.data, m.stride, c.shape.keys / c.parts}; }

  // Factors of fp32 products are tf32; results that are added to are rounded each time.
  void expect_products(const Twin& result, double additions = 1) const {
    constexpr double kTf32 = 8192;  // 2^-10 in units of fp32's epsilon
    expect_same(result, 64 + (GetParam() == ElementType::fp32 ? 2 * kTf32 : 0), 4 * additions);
  }
};
PARAPLAN_CUDA_TYPES(CudaAttentionProductsTest);

TEST_P(CudaAttentionProductsTest, ComputesScores) {
  for (const Case& c : kCases) {
    const Operands x = operands(c);
    on_both([&](Backend& on) {
      on.attention_scores(c.shape, queries(c, x.query.on(on)), keys(c, x.key.on(on)), x.scores_result.on(on));
    });
    expect_products(x.scores_result);
  }
}

TEST_P(CudaAttentionProductsTest, ComputesGradientsOfScores) {
  for (const Case& c : kCases) {
    const Operands x = operands(c);
    on_both([&](Backend& on) {
      on.attention_scores_query_gradient(c.shape, x.scores.on(on), keys(c, x.key.on(on)),
                                         queries(c, x.query_result.on(on)));
      on.attention_scores_key_gradient(c.shape, x.scores.on(on), queries(c, x.query.on(on)),
                                       keys(c, x.key_result.on(on)));
    });
    expect_products(x.query_result, static_cast<double>(c.parts));
    expect_products(x.key_result, static_cast<double>(c.shape.heads / c.shape.kv_heads));
  }
}

TEST_P(CudaAttentionProductsTest, ComputesContext) {
  for (const Case& c : kCases) {
    const Operands x = operands(c);
    on_both([&](Backend& on) {
      on.attention_context(c.shape, x.scores.on(on), keys(c, x.key.on(on)), x.context_result.on(on));
    });
    expect_products(x.context_result, static_cast<double>(c.parts));
  }
}

TEST_P(CudaAttentionProductsTest, ComputesGradientsOfContext) {
  for (const Case& c : kCases) {
    const Operands x = operands(c);
    on_both([&](Backend& on) {
      on.attention_context_probabilities_gradient(c.shape, x.context.on(on), keys(c, x.key.on(on)),
                                                  x.scores_result.on(on));
      on.attention_context_value_gradient(c.shape, x.scores.on(on), x.context.on(on),
                                          keys(c, x.key_result.on(on)));
    });
    expect_products(x.scores_result);
    expect_products(x.key_result);
  }
}

}  // namespace
}  // namespace paraplan
