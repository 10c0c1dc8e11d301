#include <cmath>

#include "tests/cuda/twin.h"

namespace paraplan {
namespace {

constexpr double kEpsilon = 1e-5;

// Rows for a warp and for a block, in 16-byte accesses and in single ones (an odd stride), held in registers
// or (from 16385 columns, in single accesses from 6145) not; more rows than blocks of the backward pass.
struct Size {
  int64_t rows, columns, unused;
};
constexpr Size kSizes[] = {{5, 67, 3},   {201, 64, 0}, {101, 3, 2},  {9, 1000, 8},  {14, 4096, 8},
                           {3, 4101, 0}, {2, 6145, 1}, {2, 8193, 3}, {2, 10240, 0}, {2, 16392, 0}};

class NormTest : public CudaTest {
 protected:
  // `shift` is null for RMSNorm.
  struct Layer {
    Twin gain, shift;
    bool centred;
    Matrix shift_on(const Backend& on) const { return centred ? shift.on(on) : Matrix{}; }
  };
  Layer layer(int64_t columns, bool centred) {
    return {random(1, columns, 1, 0), random(1, columns, 1, 0), centred};
  }

  void check_forward(const Twin& x, const Size& size, bool centred, double terms) {
    const Layer l = layer(size.columns, centred);
    const Twin y = poisoned(size.rows, size.columns, size.unused), statistics = poisoned_sums(size.rows, 2);
    on_both([&](Backend& on) {
      on.norm(x.on(on), l.gain.on(on), l.shift_on(on), kEpsilon, y.on(on), statistics.on(on));
    });
    expect_same(y, terms);
    expect_same(statistics, terms);
  }

  void check_gradient(const Size& size, bool centred) {
    const auto& [rows, columns, unused] = size;
    const Layer l = layer(columns, centred);
    const Twin x = random(rows, columns, 1, unused), dy = random(rows, columns, 1, unused);
    const Twin y = poisoned(rows, columns), statistics = poisoned_sums(rows, 2);
    const Twin dx = poisoned(rows, columns, unused);
    const Twin gain_gradient = random_sums(1, columns, 1, 0), shift_gradient = random_sums(1, columns, 1, 0);
    on_both([&](Backend& on) {
      on.norm(x.on(on), l.gain.on(on), l.shift_on(on), kEpsilon, y.on(on), statistics.on(on));
      on.norm_gradient(dy.on(on), x.on(on), statistics.on(on), l.gain.on(on), dx.on(on), gain_gradient.on(on),
                       centred ? shift_gradient.on(on) : Matrix{});
    });
    expect_same(dx, 50);
    expect_same(gain_gradient, 50, 0);
    expect_same(shift_gradient, 50, 0);
  }
};
PARAPLAN_CUDA_TYPES(NormTest);

TEST_P(NormTest, Normalizes) {
  for (const Size& size : kSizes)
    for (const bool centred : {true, false}) {
      SCOPED_TRACE(size.columns);
      check_forward(random(size.rows, size.columns, 2, size.unused), size, centred, 50);
    }
}

// A mean of squares less the square of the mean would lose the variance here, in fp32.
TEST_P(NormTest, VarianceOfRowsFarFromZero) {
  const Size size{3, 4096, 0};
  Twin x = random(size.rows, size.columns, 3, size.unused);
  std::vector<double> values = x.reference_values();
  for (double& value : values) value += 1000;
  x.set(values);
  check_forward(x, size, true, 4000);
}

TEST_P(NormTest, Gradients) {
  for (const Size& size : kSizes)
    for (const bool centred : {true, false}) {
      SCOPED_TRACE(size.columns);
      check_gradient(size, centred);
    }
}

// Of one number, less itself: y is the shift.
TEST_P(NormTest, OneColumn) {
  constexpr int64_t kRows = 11;
  const Layer l = layer(1, true);
  const Twin x = random(kRows, 1), dy = random(kRows, 1), y = poisoned(kRows, 1), dx = poisoned(kRows, 1);
  const Twin statistics = poisoned_sums(kRows, 2);
  const Twin gain_gradient = random_sums(1, 1), shift_gradient = random_sums(1, 1);
  on_both([&](Backend& on) {
    on.norm(x.on(on), l.gain.on(on), l.shift.on(on), 1, y.on(on), statistics.on(on));
    on.norm_gradient(dy.on(on), x.on(on), statistics.on(on), l.gain.on(on), dx.on(on), gain_gradient.on(on),
                     shift_gradient.on(on));
  });
  expect_same(y);
  expect_same(gain_gradient, 20, 0);
  expect_same(shift_gradient, 20, 0);
  for (const double value : dx.tested_values()) EXPECT_NEAR(value, 0, 1e-6);
}

TEST_P(NormTest, NoRows) {
  const Twin x = random(1, 8), statistics = random_sums(1, 2), gain = random(1, 8), sums = random_sums(1, 8);
  const auto none = [](Matrix m) {
    m.rows = 0;
    return m;
  };
  on_both([&](Backend& on) {
    const Matrix rows = none(x.on(on)), row_statistics = none(statistics.on(on));
    on.norm(rows, gain.on(on), gain.on(on), kEpsilon, rows, row_statistics);
    on.norm_gradient(rows, rows, row_statistics, gain.on(on), rows, sums.on(on), sums.on(on));
  });
  for (const Twin* untouched : {&x, &statistics, &sums}) expect_same(*untouched, 0, 0);
}

// Partial sums of blocks are added in one order.
TEST_P(NormTest, GradientsAreTheSameAgain) {
  const Size size{300, 72, 0};
  const Twin x = random(size.rows, size.columns, 1, 0), dy = random(size.rows, size.columns, 1, 0);
  const Twin y = poisoned(size.rows, size.columns), statistics = poisoned_sums(size.rows, 2);
  const Twin gain = random(1, size.columns, 1, 0);
  std::vector<double> results[2];
  for (auto& result : results) {
    Twin gain_gradient = poisoned_sums(1, size.columns), shift_gradient = poisoned_sums(1, size.columns);
    gain_gradient.set(std::vector<double>(72, 0.5));
    shift_gradient.set(std::vector<double>(72, 0.5));
    Backend& on = *tested;
    on.norm(x.on(on), gain.on(on), gain.on(on), kEpsilon, y.on(on), statistics.on(on));
    on.norm_gradient(dy.on(on), x.on(on), statistics.on(on), gain.on(on), y.on(on), gain_gradient.on(on),
                     shift_gradient.on(on));
    result = gain_gradient.tested_values();
  }
  EXPECT_EQ(results[0], results[1]);
}

}  // namespace
}  // namespace paraplan
