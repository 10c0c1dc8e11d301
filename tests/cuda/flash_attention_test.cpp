// Attention without stored scores, forward and backward, against the CPU's.
#include <cmath>
#include <optional>

#include "tests/cuda/twin.h"

namespace paraplan {
namespace {

struct Case {
  AttentionShape shape;
  int64_t parts = 1;  // that keys and values come in
  double dropout = 0;

  int64_t query_rows() const { return shape.batch * shape.queries; }
  int64_t key_rows() const { return shape.batch * shape.keys; }
  double scale() const { return 1 / std::sqrt(static_cast<double>(shape.width)); }

  // A rank in the middle of tensor and context groups.
  DropoutDraw draw() const {
    RowMap rows{.tokens = shape.queries, .first_token = shape.first_query, .all_tokens = shape.keys};
    rows.groups = shape.heads, rows.first_group = shape.heads, rows.all_groups = 3 * shape.heads;
    rows.first_sample = 5;
    return {.probability = dropout, .seed = 0x123456789ABCDEF0, .site = 17, .step = 5, .rows = rows};
  }
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  const AttentionShape& s = c.shape;
  return out << "batch " << s.batch << ", heads " << s.heads << " on " << s.kv_heads << ", queries "
             << s.queries << " from " << s.first_query << ", keys " << s.keys << " in " << c.parts
             << " parts, width " << s.width << (s.causal ? ", causal" : "") << ", dropout " << c.dropout;
}

class FlashAttentionTest : public CudaTest {
 protected:
  static constexpr int64_t kUnused = 8;  // keeps rows at 16 bytes

  // Forward and backward on both backends.
  void compare(const Case& c, int64_t unused = kUnused) {
    SCOPED_TRACE(testing::Message() << c);
    const AttentionShape& s = c.shape;
    const int64_t query_columns = s.heads * s.width, key_columns = s.kv_heads * s.width;
    const Twin query = random(c.query_rows(), query_columns, 2, unused),
               key = random(c.key_rows(), key_columns, 2, unused),
               value = random(c.key_rows(), key_columns, 1, unused),
               gradient = random(c.query_rows(), query_columns, 1, unused);
    const Twin merged = poisoned(c.query_rows(), query_columns, unused),
               query_gradient = poisoned(c.query_rows(), query_columns, unused),
               key_gradient = poisoned(c.key_rows(), key_columns, unused),
               value_gradient = poisoned(c.key_rows(), key_columns, unused),
               log_sum_exp = poisoned_sums(s.rows(), 1);
    on_both([&](Backend& on) {
      const auto queries = [&](const Twin& t) { return HeadRows{t.on(on).data, t.on(on).stride, s.queries}; };
      const auto keys = [&](const Twin& t) {
        return HeadRows{t.on(on).data, t.on(on).stride, s.keys / c.parts};
      };
      on.flash_attention(s, c.scale(), c.draw(), queries(query), keys(key), keys(value), merged.on(on),
                         log_sum_exp.on(on));
      on.flash_attention_gradient(s, c.scale(), c.draw(), gradient.on(on), queries(query), keys(key),
                                  keys(value), merged.on(on), log_sum_exp.on(on), queries(query_gradient),
                                  keys(key_gradient), keys(value_gradient));
    });
    const auto terms = static_cast<double>(s.keys + s.width);
    expect_same(log_sum_exp, terms);
    expect_same(merged, terms);
    for (const Twin* t : {&query_gradient, &key_gradient, &value_gradient}) expect_same(*t, 4 * terms, 4);
  }
};
PARAPLAN_CUDA_TYPES(FlashAttentionTest);

TEST_P(FlashAttentionTest, WidthsAndLengths) {
  for (const int64_t width : {32, 64, 96, 128})
    for (const int64_t tokens : {17, 129})
      for (const bool causal : {true, false})
        compare(
            {{.batch = 1, .heads = 1, .queries = tokens, .keys = tokens, .width = width, .causal = causal}});
}

TEST_P(FlashAttentionTest, NarrowHeads) {
  for (const int64_t tokens : {64, 100})
    compare({{.batch = 2, .heads = 2, .kv_heads = 2, .queries = tokens, .keys = tokens, .width = 40}});
}

// Of one key alone, all gradients but the value's are zero but for roundings.
TEST_P(FlashAttentionTest, OneQuery) {
  compare({{.batch = 2, .heads = 2, .queries = 1, .keys = 2, .width = 32, .first_query = 1}});
}

// Keys that no query sees have no gradient.
TEST_P(FlashAttentionTest, KeysBehindAllQueries) {
  compare({{.heads = 2, .queries = 20, .keys = 180, .width = 64, .first_query = 10}});
}

TEST_P(FlashAttentionTest, LaterQueries) {
  for (const bool causal : {true, false})
    compare({{.queries = 21, .keys = 150, .width = 64, .first_query = 95, .causal = causal}});
}

TEST_P(FlashAttentionTest, SharedKeysInParts) {
  for (const int64_t parts : {1, 3})
    for (const int64_t width : {64, 128})
      compare({{.batch = 2,
                .heads = 4,
                .kv_heads = 2,
                .queries = 35,
                .keys = 105,
                .width = width,
                .first_query = 35},
               parts});
}

// Rows of 100 scores are whole blocks of random numbers, rows of 67 are not.
TEST_P(FlashAttentionTest, Dropout) {
  for (const int64_t keys : {67, 100})
    for (const int64_t width : {64, 128})
      compare({{.batch = 2, .heads = 2, .queries = keys, .keys = keys, .width = width}, 1, 0.3});
}

TEST_P(FlashAttentionTest, RefusesWhatKernelsCannotDo) {
  const auto message = [&](const Case& c, int64_t unused) -> std::string {
    try {
      compare(c, unused);
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
    return "";
  };
  const Case wide{{.queries = 1, .keys = 1, .width = 136}}, odd{{.queries = 2, .keys = 2, .width = 20}},
      even{{.queries = 2, .keys = 2, .width = 32}};
  EXPECT_NE(message(wide, 8).find("up to 128"), std::string::npos);
  if (GetParam() == ElementType::fp32) return compare(odd, 3);
  EXPECT_NE(message(odd, 4).find("multiple of 8"), std::string::npos);
  EXPECT_NE(message(even, 3).find("this stride is 35"), std::string::npos);
}

}  // namespace
}  // namespace paraplan
