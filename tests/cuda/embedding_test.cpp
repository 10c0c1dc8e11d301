#include "tests/cuda/twin.h"

namespace paraplan {
namespace {

struct TableCase {
  int64_t rows, table_rows, columns, unused;
};
// Enough rows for several batches of tokens, columns for several blocks, table rows more and fewer than
// owners.
constexpr TableCase kTables[] = {{5, 9, 64, 0},    {300, 11, 67, 3}, {4500, 40, 8, 0},
                                 {33, 3, 1100, 4}, {1, 1, 1, 0},     {70, 2, 12, 2}};

class EmbeddingTest : public CudaTest {
 protected:
  // Tokens of a table's part from `first` on, some before and behind it.
  static std::vector<int64_t> tokens(const TableCase& c, int64_t first) {
    std::vector<int64_t> result;
    for (int64_t r = 0; r < c.rows; ++r) result.push_back(first - 2 + r * r % (c.table_rows + 4));
    return result;
  }
};
PARAPLAN_CUDA_TYPES(EmbeddingTest);

TEST_P(EmbeddingTest, LooksUpRowsOrZeros) {
  for (const TableCase& c : kTables)
    for (const int64_t first : {0, 1000}) {
      const auto at = array(tokens(c, first));
      const Twin table = random(c.table_rows, c.columns, 1, c.unused),
                 out = poisoned(c.rows, c.columns, c.unused);
      on_both([&](Backend& on) { on.embedding(at.on(on), first, table.on(on), out.on(on)); });
      expect_same(out, 0, 0);
    }
}

// The rows behind the table's own stay as they are.
TEST_P(EmbeddingTest, AddsGradientsOfTokens) {
  for (const TableCase& c : kTables)
    for (const int64_t first : {0, 1000}) {
      const auto at = array(tokens(c, first));
      const Twin gradient = random(c.rows, c.columns, 1, c.unused);
      const Twin table = random_sums(c.table_rows + 2, c.columns, 1, c.unused);
      on_both([&](Backend& on) {
        Matrix part = table.on(on);
        part.rows = c.table_rows;
        on.embedding_gradient(at.on(on), first, gradient.on(on), part);
      });
      expect_same(table, 40);
    }
}

// All tokens equal, and two backward passes.
TEST_P(EmbeddingTest, AddsManyGradientsOfOneToken) {
  const auto at = array(std::vector<int64_t>(5000, 2));
  const Twin gradient = random(5000, 20, 1, 0), table = random_sums(3, 20, 1, 0);
  on_both([&](Backend& on) {
    for (int pass = 0; pass < 2; ++pass) on.embedding_gradient(at.on(on), 0, gradient.on(on), table.on(on));
  });
  expect_same(table, 100);
}

TEST_P(EmbeddingTest, TakesNoTokens) {
  const auto at = array(std::vector<int64_t>{0});
  const Twin x = random(4, 8), table = random(4, 8), sums = random_sums(4, 8);
  on_both([&](Backend& on) {
    Matrix none = x.on(on);
    none.rows = 0;
    on.embedding(at.on(on), 0, table.on(on), none);
    on.embedding_gradient(at.on(on), 0, none, sums.on(on));
    on.position_embedding({}, 1, table.on(on), none);
    on.position_embedding_gradient({}, 1, none, sums.on(on));
  });
  expect_same(x, 0, 0);
  expect_same(sums, 0, 0);
}

struct PositionCase {
  int64_t rows, columns, unused;
  RowMap map;
  int64_t tokens_per_row;
};
const PositionCase kPositions[] = {
    {12, 64, 0, {.tokens = 6, .all_tokens = 6}, 1},
    {15, 67, 3, {.tokens = 5, .first_token = 7, .all_tokens = 12}, 1},
    {9, 16, 4, {.first_row = 8, .tokens = 5, .first_token = 5, .all_tokens = 10}, 1},  // sequence parallel
    {3, 8, 0, {.first_row = 1, .tokens = 9, .all_tokens = 9}, 1},                      // less than a sample
    {20, 32, 0, {.tokens = 10, .all_tokens = 10}, 5},                                  // segments, one part
    {1200, 36, 0, {.tokens = 300, .all_tokens = 300}, 150},  // segments in many parts
    {1100, 35, 3, {.first_row = 77, .tokens = 301, .all_tokens = 301}, 151},
    {900, 40, 0, {.tokens = 300, .first_token = 100, .all_tokens = 500}, 250},  // unequal segments
    {2, 4, 0, {.tokens = 2, .first_token = 6, .all_tokens = 16}, 8},            // part of one segment
};

TEST_P(EmbeddingTest, AddsPositions) {
  for (const PositionCase& c : kPositions) {
    const int64_t table_rows = (c.map.all_tokens - 1) / c.tokens_per_row + 1;
    const Twin table = random(table_rows, c.columns, 1, c.unused), x = random(c.rows, c.columns, 1, c.unused);
    on_both([&](Backend& on) { on.position_embedding(c.map, c.tokens_per_row, table.on(on), x.on(on)); });
    expect_same(x);
  }
}

TEST_P(EmbeddingTest, AddsGradientsOfPositions) {
  for (const PositionCase& c : kPositions) {
    const int64_t table_rows = (c.map.all_tokens - 1) / c.tokens_per_row + 1;
    const Twin gradient = random(c.rows, c.columns, 1, c.unused);
    const Twin table = random_sums(table_rows, c.columns, 1, c.unused);
    on_both([&](Backend& on) {
      for (int pass = 0; pass < 2; ++pass)
        on.position_embedding_gradient(c.map, c.tokens_per_row, gradient.on(on), table.on(on));
    });
    expect_same(table, 40);
  }
}

}  // namespace
}  // namespace paraplan
