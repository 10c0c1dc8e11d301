#include <cmath>
#include <limits>
#include <numbers>

#include "tests/kernels/support.h"

namespace paraplan {
namespace {

constexpr Matrix kNone;
constexpr int64_t kRows = 3, kColumns = 1037;  // more than one chunk and no whole number of vectors

double gelu_reference(double x) {
  return x / 2 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
}

double silu_reference(double x) {
  return x / (1 + std::exp(-x));
}

// Central difference of a scalar function, good to about 1e-10.
template <typename Function>
double slope(const Function& f, double x) {
  return (f(x + 1e-5) - f(x - 1e-5)) / 2e-5;
}

class ActivationTest : public KernelTest {
 protected:
  template <typename Function>
  void expect_each(const DeviceMatrix& actual, const Function& expected, double extra = 0) const {
    const Values values = actual.values();
    for (int64_t r = 0; r < values.rows; ++r)
      for (int64_t c = 0; c < values.columns; ++c)
        ASSERT_NEAR(values(r, c), expected(r, c), 4 * tolerance() + extra) << "row " << r << ", column " << c;
  }

  static constexpr double kDifferenceError = 1e-8;
  const Values x = random_values(kRows, kColumns, 1), bias = random_values(1, kColumns, 2);
  const Values dy = random_values(kRows, kColumns, 3), wide = random_values(kRows, 2 * kColumns, 4);
};
PARAPLAN_ALL_TYPES(ActivationTest);

TEST_P(ActivationTest, Gelu) {
  const DeviceMatrix dx(*backend, x), db(*backend, bias), y(*backend, kRows, kColumns),
      plain(*backend, kRows, kColumns);
  backend->gelu(dx, db, y);
  backend->gelu(dx, kNone, plain);
  expect_each(y, [&](int64_t r, int64_t c) { return gelu_reference(x(r, c) + bias(0, c)); });
  expect_each(plain, [&](int64_t r, int64_t c) { return gelu_reference(x(r, c)); });
}

TEST_P(ActivationTest, GeluOfLargeNumbersIsZeroOrTheNumber) {
  Values large(1, 4);
  large.data = {-1e4, -50, 50, 1e4};
  const DeviceMatrix dx(*backend, large), y(*backend, 1, 4), g(*backend, Values(1, 4, 1)),
      slopes(*backend, 1, 4);
  backend->gelu(dx, kNone, y);
  backend->gelu_gradient(g, dx, kNone, slopes);
  expect_each(y, [&](int64_t, int64_t c) { return c < 2 ? 0 : large(0, c); });
  expect_each(slopes, [&](int64_t, int64_t c) { return c < 2 ? 0 : 1; });
}

TEST_P(ActivationTest, GeluGradient) {
  const DeviceMatrix g(*backend, dy), dx(*backend, x), db(*backend, bias);
  const DeviceMatrix biased(*backend, kRows, kColumns), plain(*backend, kRows, kColumns);
  backend->gelu_gradient(g, dx, db, biased);
  backend->gelu_gradient(g, dx, kNone, plain);
  expect_each(
      biased, [&](int64_t r, int64_t c) { return dy(r, c) * slope(gelu_reference, x(r, c) + bias(0, c)); },
      kDifferenceError);
  expect_each(
      plain, [&](int64_t r, int64_t c) { return dy(r, c) * slope(gelu_reference, x(r, c)); },
      kDifferenceError);
}

TEST_P(ActivationTest, Swiglu) {
  const DeviceMatrix dx(*backend, wide), y(*backend, kRows, kColumns);
  backend->swiglu(dx, y);
  expect_each(y, [&](int64_t r, int64_t c) { return silu_reference(wide(r, c)) * wide(r, kColumns + c); });
}

TEST_P(ActivationTest, SwigluGradient) {
  const DeviceMatrix g(*backend, dy), dx(*backend, wide), x_gradient(*backend, kRows, 2 * kColumns);
  backend->swiglu_gradient(g, dx, x_gradient);
  const auto expected = [&](int64_t r, int64_t c) {
    if (c >= kColumns) return dy(r, c - kColumns) * silu_reference(wide(r, c - kColumns));
    return dy(r, c) * wide(r, kColumns + c) * slope(silu_reference, wide(r, c));
  };
  expect_each(x_gradient, expected, kDifferenceError);
}

TEST_P(ActivationTest, Tanh) {
  const DeviceMatrix y(*backend, x), db(*backend, bias);
  backend->tanh(db, y);
  expect_each(y, [&](int64_t r, int64_t c) { return std::tanh(x(r, c) + bias(0, c)); });
}

TEST_P(ActivationTest, TanhGradient) {
  const DeviceMatrix y(*backend, x), g(*backend, dy);
  backend->tanh(kNone, y);
  backend->tanh_gradient(y, g);
  expect_each(
      g,
      [&](int64_t r, int64_t c) { return dy(r, c) * slope([](double t) { return std::tanh(t); }, x(r, c)); },
      kDifferenceError);
}

TEST_P(ActivationTest, ShowNan) {
  const Values nan(1, 40, std::numeric_limits<double>::quiet_NaN());
  const DeviceMatrix x_nan(*backend, nan), y(*backend, Values(1, 40)), gated(*backend, Values(1, 20));
  backend->gelu(x_nan, kNone, y);
  backend->swiglu(x_nan, gated);
  backend->tanh(kNone, x_nan);
  for (const Values& result : {y.values(), gated.values(), x_nan.values()})
    for (const double value : result.data) ASSERT_TRUE(std::isnan(value));
}

}  // namespace
}  // namespace paraplan
