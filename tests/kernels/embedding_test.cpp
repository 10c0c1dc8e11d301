#include "tests/kernels/support.h"

namespace paraplan {
namespace {

class EmbeddingTest : public KernelTest {
 protected:
  // A rank that holds entries 10 to 14 of the vocabulary.
  static constexpr int64_t kFirst = 10, kRows = 5, kColumns = 19;
  const std::vector<int64_t> tokens = {12, 9, 15, 10, 14, 12, 0};
  const Values table = random_values(kRows, kColumns, 1);
  const Values gradient = random_values(7, kColumns, 2);
};
PARAPLAN_ALL_TYPES(EmbeddingTest);

TEST_P(EmbeddingTest, LooksUpOwnRowsAndGivesZerosForOthers) {
  const DeviceMatrix t(*backend, table), out(*backend, 7, kColumns);
  backend->embedding(tokens.data(), kFirst, t, out);
  Values expected(7, kColumns);
  for (const int64_t r : {0, 3, 4, 5})
    for (int64_t c = 0; c < kColumns; ++c) expected(r, c) = table(tokens[static_cast<size_t>(r)] - kFirst, c);
  EXPECT_EQ(out.values().data, expected.data);
}

TEST_P(EmbeddingTest, GradientAddsUpRepeatedTokens) {
  const DeviceMatrix g(*backend, gradient), sums(*backend, table);
  backend->embedding_gradient(tokens.data(), kFirst, g, sums);
  Values expected = table;
  for (int64_t c = 0; c < kColumns; ++c) {
    expected(2, c) += gradient(0, c) + gradient(5, c);
    expected(0, c) += gradient(3, c);
    expected(4, c) += gradient(4, c);
  }
  EXPECT_EQ(sums.values().data, expected.data);
}

// Row r of a context rank with rows cut off in front: positions 5, 3, 4, 5.
TEST_P(EmbeddingTest, PositionsFollowTheRowMap) {
  const RowMap map{.first_row = 2, .tokens = 3, .first_token = 3, .all_tokens = 6};
  const Values positions = random_values(6, kColumns, 3), before = random_values(4, kColumns, 4);
  const DeviceMatrix t(*backend, positions), x(*backend, before), sums(*backend, positions);
  backend->position_embedding(map, 1, t, x);
  backend->position_embedding_gradient(map, 1, x, sums);
  Values expected = before, expected_sums = positions;
  const int64_t row_positions[] = {5, 3, 4, 5};
  for (int64_t r = 0; r < 4; ++r)
    for (int64_t c = 0; c < kColumns; ++c) {
      expected(r, c) += positions(row_positions[r], c);
      expected_sums(row_positions[r], c) += expected(r, c);
    }
  EXPECT_EQ(x.values().data, expected.data);
  EXPECT_EQ(sums.values().data, expected_sums.data);
}

TEST_P(EmbeddingTest, SegmentsShareARow) {
  const RowMap map{.tokens = 6, .all_tokens = 6};
  const Values segments = random_values(2, kColumns, 3);
  const DeviceMatrix t(*backend, segments), x(*backend, Values(6, kColumns));
  backend->position_embedding(map, 3, t, x);
  const Values result = x.values();
  for (int64_t r = 0; r < 6; ++r)
    for (int64_t c = 0; c < kColumns; ++c) ASSERT_EQ(result(r, c), segments(r / 3, c));
}

}  // namespace
}  // namespace paraplan
