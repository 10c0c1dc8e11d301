#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/cuda/twin.h"

namespace paraplan {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// A rank's columns [first, first + columns) of a vocabulary. 16-byte accesses and single ones, one part of a
// row and several, whole tiles and not; padding of no, some and all columns; at last a row of
// more parts than a warp has lanes.
struct Case {
  int64_t rows, columns, unused, first, vocab;
  int64_t valid() const { return std::clamp<int64_t>(vocab - first, 0, columns); }
};
constexpr Case kCases[] = {{5, 67, 3, 0, 67},
                           {7, 64, 0, 128, 187},
                           {3, 1, 0, 9, 10},
                           {9, 3, 4, 6, 8},
                           {100, 1000, 0, 0, 1000},
                           {100, 4101, 0, 4101, 8199},
                           {2, 33000, 0, 33000, 65990},
                           {1, 33000, 3, 0, 33000},
                           {3, 33000, 0, 33000, 40001},
                           {3, 4104, 0, 4104, 4104},
                           {98, 9001, 7, 0, 9001},
                           {1, 140000, 0, 0, 140000}};

class LossTest : public CudaTest {
 protected:
  // Logits, with NaN as padding.
  Twin logits(const Case& c) {
    Twin twin = random(c.rows, c.columns, 4, c.unused);
    std::vector<double> values = twin.reference_values();
    for (int64_t r = 0; r < c.rows; ++r)
      std::fill(&values[r * c.columns + c.valid()], values.data() + (r + 1) * c.columns, kNan);
    twin.set(values);
    return twin;
  }
  // This rank's, from its first to its last column, those of other ranks on both sides, and none.
  static std::vector<int64_t> targets(const Case& c) {
    const int64_t own[] = {c.first,     c.first + c.valid() - 1, c.first + c.valid() / 2, -1,
                           c.first - 1, c.first + c.columns,     c.first + c.valid(),     -100};
    std::vector<int64_t> result;
    for (int64_t r = 0; r < c.rows; ++r) result.push_back(own[r % std::size(own)]);
    return result;
  }
};
PARAPLAN_CUDA_TYPES(LossTest);

TEST_P(LossTest, Maximum) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.columns);
    const Twin x = logits(c), maximum = poisoned_sums(c.rows, 1);
    on_both([&](Backend& on) { on.loss_maximum(x.on(on), c.first, c.vocab, maximum.on(on)); });
    expect_same(maximum, 0, 0);
  }
}

// The maximum may lie anywhere in the row, and among values of any size.
TEST_P(LossTest, MaximumAtEveryPlace) {
  constexpr int64_t kColumns = 37;
  Twin x = poisoned(kColumns, kColumns), maximum = poisoned_sums(kColumns, 1);
  std::vector<double> values(kColumns * kColumns, -std::numeric_limits<double>::infinity());
  for (int64_t r = 0; r < kColumns; ++r)
    values[r * kColumns + r] = (r % 2 == 0 ? -60000 : 60000) + 256 * static_cast<double>(r % 10);
  x.set(values);
  on_both([&](Backend& on) { on.loss_maximum(x.on(on), 0, kColumns, maximum.on(on)); });
  expect_same(maximum, 0, 0);
}

TEST_P(LossTest, Sum) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.columns);
    const Twin x = logits(c), maximum = random_sums(c.rows, 1, 2);
    const Twin sum = poisoned_sums(c.rows, 1), target = poisoned_sums(c.rows, 1);
    const auto tokens = array(targets(c));
    on_both([&](Backend& on) {
      on.loss_sum(x.on(on), c.first, c.vocab, tokens.on(on), maximum.on(on), sum.on(on), target.on(on));
    });
    expect_same(sum, 50, 0);
    expect_same(target, 2, 0);
  }
}

TEST_P(LossTest, AddsTheCrossEntropy) {
  for (const int64_t rows : {1, 77, 5003}) {
    std::vector<int64_t> some;
    for (int64_t r = 0; r < rows; ++r) some.push_back(r % 5 == 3 ? -1 : r);
    const auto tokens = array(some);
    const auto total = array(std::vector<double>{2.5});
    Twin sum = random_sums(rows, 1), target = random_sums(rows, 1, 9);
    std::vector<double> values = sum.reference_values();
    for (double& value : values) value = std::exp(12 * std::abs(value));
    sum.set(values);
    on_both([&](Backend& on) {
      for (int again = 0; again < 2; ++again)
        on.cross_entropy(tokens.on(on), 0.25, sum.on(on), target.on(on), total.on(on));
    });
    const double expected = total.values(*reference)[0];
    EXPECT_NEAR(total.values(*tested)[0], expected, 5e-7 * static_cast<double>(rows));
  }
}

// No target among the columns: softmax alone, whose values are small and compared at their size. Then with
// targets, and rows without one, whose logits are not to be read.
TEST_P(LossTest, Gradient) {
  for (const Case& c : kCases)
    for (const bool holds_targets : {false, true}) {
      SCOPED_TRACE(c.columns);
      Twin x = logits(c), maximum = random_sums(c.rows, 1, 1), sum = random_sums(c.rows, 1);
      std::vector<double> sums = sum.reference_values(), values = x.reference_values();
      for (double& value : sums) value = 100 * (1.5 + value);
      sum.set(sums);
      const std::vector<int64_t> chosen =
          holds_targets ? targets(c) : std::vector<int64_t>(c.rows, c.first + c.columns);
      for (int64_t r = 0; r < c.rows; ++r)
        if (chosen[r] < 0) std::fill_n(&values[r * c.columns], c.columns, kNan);
      x.set(values);
      const auto tokens = array(chosen);
      on_both([&](Backend& on) {
        on.cross_entropy_gradient(c.first, c.vocab, tokens.on(on), 64, maximum.on(on), sum.on(on), x.on(on));
      });
      expect_same(x, 50);
    }
}

TEST_P(LossTest, NoRows) {
  const Twin logits_there = random(1, 64), sums_there = random_sums(1, 1);
  const auto tokens = array(std::vector<int64_t>{1});
  const auto total = array(std::vector<double>{2.5});
  on_both([&](Backend& on) {
    Matrix x = logits_there.on(on), sums = sums_there.on(on);
    x.rows = sums.rows = 0;
    on.loss_maximum(x, 0, 64, sums);
    on.loss_sum(x, 0, 64, tokens.on(on), sums, sums, sums);
    on.cross_entropy(tokens.on(on), 1, sums, sums, total.on(on));
    on.cross_entropy_gradient(0, 64, tokens.on(on), 1, sums, sums, x);
  });
  for (const Twin* untouched : {&logits_there, &sums_there}) expect_same(*untouched, 0, 0);
  EXPECT_EQ(total.values(*tested)[0], 2.5);
}

}  // namespace
}  // namespace paraplan
