#include "tests/cuda/twin.h"

namespace paraplan {
namespace {

struct HeadsCase {
  AttentionShape shape;
  int64_t unused;  // elements at the ends of rows; 3: no 16-byte accesses
};
const HeadsCase kHeadsCases[] = {
    {{.batch = 2, .heads = 3, .queries = 5, .width = 64}, 0},
    {{.batch = 3, .heads = 5, .kv_heads = 1, .queries = 37, .width = 8}, 8},
    {{.batch = 2, .heads = 4, .queries = 7, .width = 10}, 3},
    {{.batch = 1, .heads = 1, .queries = 1, .width = 1}, 0},
    {{.batch = 2, .heads = 7, .queries = 130, .width = 16}, 0},  // more packs than one thread per pack takes
};

class HeadsTest : public CudaTest {
 protected:
  // Turns on both sides and compares; an element is off by its rounding and what fp32 sines and cosines are
  // off by.
  void expect_same_turn(const RowMap& map, int64_t heads, int64_t width, double base, bool inverse,
                        const Twin& rows) {
    on_both([&](Backend& on) { on.rotary(map, heads, width, base, inverse, rows.on(on)); });
    const std::vector<double> actual = rows.tested_values(), expected = rows.reference_values();
    for (size_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(actual[i], expected[i], 1e-6 + type_epsilon() * 2) << "element " << i;
  }
};
PARAPLAN_CUDA_TYPES(HeadsTest);

TEST_P(HeadsTest, Merges) {
  for (const auto& [s, unused] : kHeadsCases) {
    const Twin context = random(s.rows(), s.width, 1, unused);
    const Twin merged = poisoned(s.batch * s.queries, s.heads * s.width, unused);
    on_both([&](Backend& on) { on.merge_heads(s, context.on(on), merged.on(on)); });
    expect_same(merged, 0, 0);
  }
}

TEST_P(HeadsTest, Splits) {
  for (const auto& [s, unused] : kHeadsCases) {
    const Twin merged = random(s.batch * s.queries, s.heads * s.width, 1, unused);
    const Twin context = poisoned(s.rows(), s.width, unused);
    on_both([&](Backend& on) { on.split_heads(s, merged.on(on), context.on(on)); });
    expect_same(context, 0, 0);
  }
}

struct RotaryCase {
  int64_t rows, heads, width, unused;
  RowMap map;
};
const RotaryCase kRotaryCases[] = {
    {12, 5, 128, 0, {.tokens = 6, .all_tokens = 6}},                                     // 5 = 4 + 1 heads
    {9, 1, 64, 16, {.first_row = 8, .tokens = 5, .first_token = 10, .all_tokens = 15}},  // a cut-off start
    {7, 9, 6, 3, {.first_row = 1, .tokens = 3, .first_token = 3, .all_tokens = 6}},  // no 16-byte accesses
    {5, 3, 24, 0, {.tokens = 5, .all_tokens = 5}},                                   // half a head is odd
    {3, 2, 1032, 0, {.tokens = 3, .first_token = 1000, .all_tokens = 2000}},         // two tables of angles
    {700, 8, 64, 0, {.tokens = 350, .all_tokens = 350}},  // more than the blocks do at once
};

TEST_P(HeadsTest, TurnsPairs) {
  for (const RotaryCase& c : kRotaryCases)
    for (const bool inverse : {false, true})
      expect_same_turn(c.map, c.heads, c.width, 10000, inverse,
                       random(c.rows, c.heads * c.width, 1, c.unused));
}

// In single precision an angle of 131071 radians would be off by 4e-3.
TEST_P(HeadsTest, TurnsFarPositionsAccurately) {
  for (const double base : {10000.0, 500000.0, 1.0, 0.5}) {
    const RowMap map{.tokens = 32, .first_token = (128 << 10) - 32, .all_tokens = 128 << 10};
    expect_same_turn(map, 2, 128, base, false, random(32, 256, 1, 0));
  }
}

// Neighbours of a head in the rows, like the values behind queries and keys, stay as they are.
TEST_P(HeadsTest, TurnsTheFirstColumnsOnly) {
  const Twin rows = random(4, 96, 1, 0);
  const RowMap map{.tokens = 4, .all_tokens = 4};
  const std::vector<double> before = rows.tested_values();
  on_both([&](Backend& on) {
    Matrix part = rows.on(on);
    part.columns = 64;
    on.rotary(map, 2, 32, 10000, false, part);
  });
  expect_same(rows);
  EXPECT_EQ(rows.tested_values()[95], before[95]);
}

}  // namespace
}  // namespace paraplan
