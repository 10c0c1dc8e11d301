#include "tests/cuda/twin.h"

namespace paraplan {
namespace {

constexpr Matrix kNone;

// Odd sizes and strides leave no 16-byte accesses; 64 columns do; 9 x 1152 gives a thread several packs.
struct Size {
  int64_t rows, columns, unused;
};
constexpr Size kSizes[] = {{5, 67, 3}, {7, 64, 0}, {3, 64, 16}, {1, 1, 0}, {6, 12, 0}, {9, 1152, 8}};
constexpr double kScale = 4;  // where gelu and tanh are bent

class ActivationsTest : public CudaTest {
 protected:
  static const Matrix& or_none(bool given, const Matrix& m) { return given ? m : kNone; }
};
PARAPLAN_CUDA_TYPES(ActivationsTest);

TEST_P(ActivationsTest, AddsBias) {
  for (const auto& [rows, columns, unused] : kSizes) {
    const Twin x = random(rows, columns, kScale, unused), bias = random(1, columns, 1, unused);
    on_both([&](Backend& on) { on.bias_add(bias.on(on), x.on(on)); });
    expect_same(x, 1, 0.5);
  }
}

TEST_P(ActivationsTest, Gelu) {
  for (const bool with_bias : {false, true})
    for (const auto& [rows, columns, unused] : kSizes) {
      const Twin x = random(rows, columns, kScale, unused), bias = random(1, columns, 1, unused);
      const Twin y = poisoned(rows, columns, unused);
      on_both([&](Backend& on) { on.gelu(x.on(on), or_none(with_bias, bias.on(on)), y.on(on)); });
      expect_same(y, 8, 0.5);
      on_both([&](Backend& on) { on.gelu(x.on(on), or_none(with_bias, bias.on(on)), x.on(on)); });
      expect_same(x, 8, 0.5);
    }
}

TEST_P(ActivationsTest, GeluGradient) {
  for (const bool with_bias : {false, true})
    for (const auto& [rows, columns, unused] : kSizes) {
      const Twin x = random(rows, columns, kScale, unused), bias = random(1, columns, 1, unused);
      const Twin gradient = random(rows, columns, 1, unused), result = poisoned(rows, columns, unused);
      const auto run = [&](const Twin& to) {
        on_both([&](Backend& on) {
          on.gelu_gradient(gradient.on(on), x.on(on), or_none(with_bias, bias.on(on)), to.on(on));
        });
        expect_same(to, 32, 0.5);  // 1 - sigmoid cancels where it is near 1
      };
      run(result);
      run(gradient);
    }
}

// Far out gelu is x or 0, its slope 1 or 0, and nothing overflows on the way.
TEST_P(ActivationsTest, GeluOfLargeNumbers) {
  const Twin y = poisoned(1, 8, 0), ones = poisoned(1, 8, 0), slope = poisoned(1, 8, 0);
  Twin large = poisoned(1, 8, 0);
  large.set({60000, -60000, 300, -300, 20, -20, 0, -0.0});
  on_both([&](Backend& on) {
    on.fill(1, ones.on(on));
    on.gelu(large.on(on), kNone, y.on(on));
    on.gelu_gradient(ones.on(on), large.on(on), kNone, slope.on(on));
  });
  expect_same(y, 4, 0.5);
  expect_same(slope, 4, 0.5);
}

TEST_P(ActivationsTest, Swiglu) {
  for (const auto& [rows, columns, unused] : kSizes) {
    const Twin x = random(rows, 2 * columns, kScale, unused), y = poisoned(rows, columns, unused);
    on_both([&](Backend& on) { on.swiglu(x.on(on), y.on(on)); });
    expect_same(y, 8, 0.5);
  }
}

TEST_P(ActivationsTest, SwigluGradient) {
  for (const auto& [rows, columns, unused] : kSizes) {
    const Twin x = random(rows, 2 * columns, kScale, unused), gradient = random(rows, columns, 1, unused);
    const Twin result = poisoned(rows, 2 * columns, unused);
    for (const Twin* to : {&result, &x}) {
      on_both([&](Backend& on) { on.swiglu_gradient(gradient.on(on), x.on(on), to->on(on)); });
      expect_same(*to, 16, 0.5);
    }
  }
}

TEST_P(ActivationsTest, Tanh) {
  for (const bool with_bias : {false, true})
    for (const auto& [rows, columns, unused] : kSizes) {
      const Twin x = random(rows, columns, kScale, unused), bias = random(1, columns, 1, unused);
      on_both([&](Backend& on) { on.tanh(or_none(with_bias, bias.on(on)), x.on(on)); });
      expect_same(x, 8, 0.5);
    }
}

TEST_P(ActivationsTest, TanhGradient) {
  for (const auto& [rows, columns, unused] : kSizes) {
    const Twin y = random(rows, columns, 1, unused), gradient = random(rows, columns, 1, unused);
    on_both([&](Backend& on) { on.tanh_gradient(y.on(on), gradient.on(on)); });
    expect_same(gradient, 2, 0.5);
  }
}

// Wide and narrow, one chunk of rows and many, few columns, more columns than a strip.
constexpr Size kSums[] = {{1, 1, 0},   {5, 67, 3},     {7, 64, 0},    {2000, 1, 0},  {3001, 2, 1},
                          {999, 8, 0}, {1500, 96, 16}, {301, 264, 0}, {40, 1100, 1}, {4, 4104, 8}};

TEST_P(ActivationsTest, BiasGradientAddsColumnSums) {
  for (const auto& [rows, columns, unused] : kSums) {
    const Twin gradient = random(rows, columns, 1, unused), sums = random_sums(1, columns, 1, unused);
    for (int micro_batch = 0; micro_batch < 2; ++micro_batch)
      on_both([&](Backend& on) { on.bias_gradient(gradient.on(on), sums.on(on)); });
    expect_same(sums, 16, 4);
  }
}

TEST_P(ActivationsTest, BiasGradientOfNoRowsAddsNothing) {
  const Twin sums = random_sums(1, 67);
  const std::vector<double> before = sums.tested_values();
  on_both([&](Backend& on) { on.bias_gradient({nullptr, 0, 67, 67}, sums.on(on)); });
  EXPECT_EQ(sums.tested_values(), before);
}

}  // namespace
}  // namespace paraplan
