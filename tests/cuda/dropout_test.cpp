#include <string>

#include "tests/cuda/twin.h"

namespace paraplan {
namespace {

constexpr Matrix kNone;
constexpr double kProbability = 0.3;

struct Size {
  int64_t rows, columns, unused;
};
// Rows begin at every place of a block of four numbers (67, 1, 3), with blocks but without 16-byte accesses
// (12, 68, 64 with an odd stride), and with them.
constexpr Size kSizes[] = {{12, 67, 3}, {12, 1, 0},  {12, 3, 2},  {12, 12, 0},  {12, 68, 0},
                           {12, 64, 3}, {12, 64, 0}, {12, 64, 8}, {12, 1152, 8}};

DropoutDraw draw_of(const RowMap& rows, double probability = kProbability) {
  return {.probability = probability, .seed = 0x123456789ABCDEF0, .site = 17, .step = 5, .rows = rows};
}

// Of 12 rows: whole samples, cut rows, cut tokens, heads of a rank, and counters that need their high word.
std::vector<RowMap> maps() {
  return {{.tokens = 6, .all_tokens = 6},
          {.first_row = 7, .tokens = 5, .all_tokens = 5, .first_sample = 3},
          {.first_row = 1, .tokens = 3, .first_token = 4, .all_tokens = 9},
          {.tokens = 2,
           .first_token = 4,
           .all_tokens = 6,
           .groups = 3,
           .first_group = 2,
           .all_groups = 7,
           .first_sample = 1},
          {.tokens = 6, .all_tokens = 6, .first_sample = (int64_t{1} << 40) + 1}};
}

class DropoutTest : public CudaTest {
 protected:
  TwinArray<uint8_t> mask_for(int64_t rows, int64_t columns) {
    return array(std::vector<uint8_t>(static_cast<size_t>(rows * columns), 0xEE));
  }
  void expect_same_mask(const TwinArray<uint8_t>& mask) {
    EXPECT_EQ(mask.values(*tested), mask.values(*reference));
  }
};
PARAPLAN_CUDA_TYPES(DropoutTest);

TEST_P(DropoutTest, DrawsTheMasksOfTheReference) {
  for (const RowMap& map : maps())
    for (const auto& [rows, columns, unused] : kSizes) {
      SCOPED_TRACE(std::to_string(columns) + " columns, " + std::to_string(unused) + " unused");
      const Twin in = random(rows, columns, 1, unused), out = poisoned(rows, columns, unused);
      const TwinArray<uint8_t> mask = mask_for(rows, columns), again = mask_for(rows, columns);
      on_both([&](Backend& on) { on.dropout(draw_of(map), in.on(on), out.on(on), mask.on(on)); });
      expect_same_mask(mask);
      expect_same(out, 1, 0.5);
      on_both([&](Backend& on) { on.dropout(draw_of(map), in.on(on), in.on(on), again.on(on)); });
      expect_same_mask(again);
      EXPECT_EQ(in.tested_values(), out.tested_values());
    }
}

// 0.75 * 2^32 is a whole number, and the last probability drops all but one number of 2^32.
TEST_P(DropoutTest, AnyProbability) {
  for (const double probability : {0.0, 1e-12, 0.01, 0.75, 1 - 0x1p-32})
    for (const int64_t columns : {67, 64}) {
      const Twin in = random(12, columns, 1, 0), out = poisoned(12, columns, 0);
      const TwinArray<uint8_t> mask = mask_for(12, columns);
      const DropoutDraw draw = draw_of(maps()[0], probability);
      on_both([&](Backend& on) { on.dropout(draw, in.on(on), out.on(on), mask.on(on)); });
      expect_same_mask(mask);
      expect_same(out, 1, 0.5);
    }
}

TEST_P(DropoutTest, SeedSiteAndStepCount) {
  for (const int field : {0, 1, 2}) {
    DropoutDraw draw = draw_of(maps()[0]);
    if (field == 0) draw.seed = 0xFEDCBA9800000001;
    if (field == 1) draw.site = 0x80000001;
    if (field == 2) draw.step = 0xFFFFFFFF;
    const Twin in = random(12, 64, 1, 0), out = poisoned(12, 64, 0);
    const TwinArray<uint8_t> mask = mask_for(12, 64);
    on_both([&](Backend& on) { on.dropout(draw, in.on(on), out.on(on), mask.on(on)); });
    expect_same_mask(mask);
  }
}

TEST_P(DropoutTest, Gradient) {
  for (const auto& [rows, columns, unused] : kSizes) {
    std::vector<uint8_t> bytes(static_cast<size_t>(rows * columns));
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = i % 3 == 0 || i % 7 == 2;
    const TwinArray<uint8_t> mask = array(bytes);
    const Twin gradient = random(rows, columns, 1, unused), result = poisoned(rows, columns, unused);
    for (const Twin* to : {&result, &gradient}) {
      on_both(
          [&](Backend& on) { on.dropout_gradient(kProbability, mask.on(on), gradient.on(on), to->on(on)); });
      expect_same(*to, 1, 0.5);
    }
    EXPECT_EQ(mask.values(*tested), bytes);
  }
}

// A mask that does not start where packs do.
TEST_P(DropoutTest, MasksLieAnywhere) {
  const Twin in = random(12, 64, 1, 0), out = poisoned(12, 64, 0), gradient = poisoned(12, 64, 0);
  const TwinArray<uint8_t> mask = mask_for(1, 12 * 64 + 2);
  on_both([&](Backend& on) {
    on.dropout(draw_of(maps()[0]), in.on(on), out.on(on), mask.on(on) + 1);
    on.dropout_gradient(kProbability, mask.on(on) + 1, in.on(on), gradient.on(on));
  });
  expect_same_mask(mask);
  EXPECT_EQ(mask.values(*tested).front(), 0xEE);
  EXPECT_EQ(mask.values(*tested).back(), 0xEE);
  expect_same(out, 1, 0.5);
  expect_same(gradient, 1, 0.5);
}

TEST_P(DropoutTest, BiasDropoutAdd) {
  for (const bool with_bias : {false, true})
    for (const bool with_mask : {false, true})
      for (const auto& [rows, columns, unused] : kSizes) {
        const Twin in = random(rows, columns, 1, unused), bias = random(1, columns, 1, unused);
        const Twin residual = random(rows, columns, 1, unused), out = poisoned(rows, columns, unused);
        const TwinArray<uint8_t> mask = mask_for(rows, columns);
        const auto run = [&](const Twin& to) {
          on_both([&](Backend& on) {
            on.bias_dropout_add(draw_of(maps()[2]), in.on(on), with_bias ? bias.on(on) : kNone,
                                residual.on(on), to.on(on), with_mask ? mask.on(on) : nullptr);
          });
          expect_same(to, 4, 0.5);
          expect_same_mask(mask);
        };
        run(out);
        run(residual);
      }
}

}  // namespace
}  // namespace paraplan
