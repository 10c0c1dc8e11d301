#include <cmath>

#include "kernels/philox.h"
#include "tests/kernels/support.h"

namespace paraplan {
namespace {

constexpr Matrix kNone;
constexpr double kProbability = 0.3;

DropoutDraw draw_of(const RowMap& rows) {
  return {.probability = kProbability, .seed = 0x123456789ABCDEF0, .site = 17, .step = 5, .rows = rows};
}

// Two samples of 6 tokens, rows are tokens; and with 4 heads, rows are queries of heads.
constexpr RowMap kTokens{.tokens = 6, .all_tokens = 6};
constexpr RowMap kHeads{.tokens = 6, .all_tokens = 6, .groups = 4, .all_groups = 4};

class DropoutTest : public KernelTest {
 protected:
  std::vector<uint8_t> mask_of(const DropoutDraw& draw, int64_t rows, int64_t columns) {
    const DeviceMatrix in(*backend, Values(rows, columns, 1)), out(*backend, rows, columns);
    std::vector<uint8_t> mask(static_cast<size_t>(rows * columns), 0xEE);
    backend->dropout(draw, in, out, mask.data());
    return mask;
  }
};
PARAPLAN_ALL_TYPES(DropoutTest);

// Word by word, from the definition.
TEST_P(DropoutTest, MaskIsThatOfTheDefinition) {
  RowMap far = kTokens;
  far.first_sample = int64_t{1} << 40;  // the counter needs its high word
  for (const RowMap& map : {kTokens, far})
    for (const int64_t columns : {1, 5, 64, 1027}) {
      const std::vector<uint8_t> mask = mask_of(draw_of(map), 12, columns);
      for (int64_t i = 0; i < 12 * columns; ++i) {
        const auto number = static_cast<uint64_t>((map.first_sample * 6) * columns + i);
        const PhiloxBlock block =
            philox4x32({{static_cast<uint32_t>(number / 4), static_cast<uint32_t>(number / 4 >> 32), 17, 5}},
                       {{0x9ABCDEF0, 0x12345678}});
        const bool kept = static_cast<double>(block.word[number % 4]) >= kProbability * 4294967296.0;
        ASSERT_EQ(mask[static_cast<size_t>(i)], kept ? 1 : 0)
            << "element " << i << " of " << columns << " columns";
      }
    }
}

TEST_P(DropoutTest, ScalesWhatItKeeps) {
  const Values x = random_values(12, 301, 1);
  const DeviceMatrix in(*backend, x), out(*backend, 12, 301), gradient(*backend, 12, 301);
  std::vector<uint8_t> mask(12 * 301);
  backend->dropout(draw_of(kTokens), in, out, mask.data());
  backend->dropout_gradient(kProbability, mask.data(), in, gradient);
  Values expected(12, 301);
  int64_t kept = 0;
  for (size_t i = 0; i < mask.size(); ++i) {
    kept += mask[i];
    expected.data[i] = mask[i] != 0 ? x.data[i] / (1 - kProbability) : 0;
  }
  expect_near(out.values(), expected);
  expect_near(gradient.values(), expected);
  const double n = 12 * 301;
  EXPECT_NEAR(static_cast<double>(kept) / n, 0.7, 4 * std::sqrt(0.3 * 0.7 / n));
  backend->dropout(draw_of(kTokens), in, in, mask.data());
  EXPECT_EQ(in.values().data, out.values().data) << "in place";
}

TEST_P(DropoutTest, ProbabilityZeroKeepsAll) {
  DropoutDraw draw = draw_of(kTokens);
  draw.probability = 0;
  const Values x = random_values(12, 9, 1);
  const DeviceMatrix in(*backend, x), out(*backend, 12, 9);
  std::vector<uint8_t> mask(12 * 9);
  backend->dropout(draw, in, out, mask.data());
  EXPECT_EQ(out.values().data, x.data);
  EXPECT_EQ(mask, std::vector<uint8_t>(12 * 9, 1));
}

// A seed, site or step of its own draws another mask.
TEST_P(DropoutTest, DrawsAreIndependent) {
  const DropoutDraw draw = draw_of(kTokens);
  DropoutDraw seed = draw, site = draw, step = draw;
  ++seed.seed;
  ++site.site;
  ++step.step;
  const std::vector<uint8_t> mask = mask_of(draw, 12, 99);
  for (const DropoutDraw& other : {seed, site, step}) {
    const std::vector<uint8_t> second = mask_of(other, 12, 99);
    double both = 0;
    for (size_t i = 0; i < mask.size(); ++i) both += mask[i] * second[i];
    EXPECT_NEAR(both / (12 * 99), 0.49, 0.06);
  }
}

// Rows that a rank holds, cut from the mask of all.
std::vector<uint8_t> rows_of(const std::vector<uint8_t>& mask, int64_t columns,
                             const std::vector<int64_t>& rows) {
  std::vector<uint8_t> result;
  for (const int64_t r : rows)
    result.insert(result.end(), mask.begin() + r * columns, mask.begin() + (r + 1) * columns);
  return result;
}

TEST_P(DropoutTest, MaskIsTheSameOnAnyLayout) {
  constexpr int64_t kColumns = 7;
  const std::vector<uint8_t> all = mask_of(draw_of(kTokens), 12, kColumns);
  RowMap sequence_parallel = kTokens;  // the last 5 of the 12 rows
  sequence_parallel.first_row = 7;
  EXPECT_EQ(mask_of(draw_of(sequence_parallel), 5, kColumns), rows_of(all, kColumns, {7, 8, 9, 10, 11}));
  const RowMap context{.tokens = 2, .first_token = 4, .all_tokens = 6};  // the last third of each sample
  EXPECT_EQ(mask_of(draw_of(context), 4, kColumns), rows_of(all, kColumns, {4, 5, 10, 11}));
  RowMap context_and_sequence = context;
  context_and_sequence.first_row = 1;
  EXPECT_EQ(mask_of(draw_of(context_and_sequence), 3, kColumns), rows_of(all, kColumns, {5, 10, 11}));
  RowMap data = kTokens;  // the second sample
  data.first_sample = 1;
  EXPECT_EQ(mask_of(draw_of(data), 6, kColumns), rows_of(all, kColumns, {6, 7, 8, 9, 10, 11}));
}

TEST_P(DropoutTest, MaskOfProbabilitiesIsTheSameOnAnyLayout) {
  constexpr int64_t kKeys = 6;
  const std::vector<uint8_t> all = mask_of(draw_of(kHeads), 2 * 4 * 6, kKeys);
  // Heads 2 and 3, tokens 3 to 5.
  const RowMap rank{
      .tokens = 3, .first_token = 3, .all_tokens = 6, .groups = 2, .first_group = 2, .all_groups = 4};
  std::vector<int64_t> rows;
  for (const int64_t sample : {0, 1})
    for (const int64_t head : {2, 3})
      for (const int64_t token : {3, 4, 5}) rows.push_back((sample * 4 + head) * 6 + token);
  EXPECT_EQ(mask_of(draw_of(rank), 12, kKeys), rows_of(all, kKeys, rows));
}

TEST_P(DropoutTest, BiasDropoutAddIsItsThreeSteps) {
  const Values x = random_values(12, 521, 1), bias = random_values(1, 521, 2),
               residual = random_values(12, 521, 3);
  const std::vector<uint8_t> drawn = mask_of(draw_of(kTokens), 12, 521);
  for (const bool with_bias : {false, true})
    for (const bool with_mask : {false, true}) {
      const DeviceMatrix in(*backend, x), b(*backend, bias), res(*backend, residual), out(*backend, 12, 521);
      std::vector<uint8_t> mask(12 * 521);
      backend->bias_dropout_add(draw_of(kTokens), in, with_bias ? static_cast<const Matrix&>(b) : kNone, res,
                                out, with_mask ? mask.data() : nullptr);
      Values expected(12, 521);
      for (int64_t r = 0; r < 12; ++r)
        for (int64_t c = 0; c < 521; ++c) {
          const double branch = x(r, c) + (with_bias ? bias(0, c) : 0);
          const double factor = with_mask ? drawn[static_cast<size_t>(r * 521 + c)] / (1 - kProbability) : 1;
          expected(r, c) = residual(r, c) + branch * factor;
        }
      expect_near(out.values(), expected);
      if (with_mask) {
        EXPECT_EQ(mask, drawn);
      }
    }
}

}  // namespace
}  // namespace paraplan
