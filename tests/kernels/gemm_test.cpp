#include <cmath>
#include <numbers>
#include <thread>

#include "tests/kernels/support.h"

namespace paraplan {
namespace {

Values with_bias(Values x, const Values& bias) {
  for (int64_t r = 0; r < x.rows; ++r)
    for (int64_t c = 0; c < x.columns; ++c) x(r, c) += bias(0, c);
  return x;
}

class GemmTest : public KernelTest {
 protected:
  void check(int64_t m, int64_t n, int64_t k, bool transpose_a, bool transpose_b, bool accumulate) {
    const Values a = random_values(m, k, 1), b = random_values(k, n, 2), before = random_values(m, n, 3);
    const DeviceMatrix da(*backend, transpose_a ? transposed(a) : a),
        db(*backend, transpose_b ? transposed(b) : b);
    const DeviceMatrix added_to(*backend, before), written(*backend, m, n);
    const DeviceMatrix& c = accumulate ? added_to : written;
    backend->gemm({da, transpose_a, db, transpose_b, c, accumulate});
    Values expected = product(a, b);
    if (accumulate)
      for (size_t i = 0; i < expected.data.size(); ++i) expected.data[i] += before.data[i];
    expect_near(c.values(), expected, k);
  }
};
PARAPLAN_ALL_TYPES(GemmTest);

TEST_P(GemmTest, MultipliesInEveryTransposition) {
  for (const bool transpose_a : {false, true})
    for (const bool transpose_b : {false, true})
      for (const bool accumulate : {false, true}) {
        check(17, 31, 13, transpose_a, transpose_b, accumulate);
        check(1, 5, 3, transpose_a, transpose_b, accumulate);
        check(33, 1, 70, transpose_a, transpose_b, accumulate);
      }
}

TEST_P(GemmTest, TakesEmptySums) {
  check(3, 4, 0, false, false, false);
  check(3, 4, 0, false, false, true);
  check(0, 4, 2, false, false, false);
}

TEST_P(GemmTest, AddsABias) {
  const Values a = random_values(9, 13, 1), b = random_values(13, 21, 2), bias = random_values(1, 21, 3);
  const DeviceMatrix da(*backend, a), db(*backend, b), dbias(*backend, bias), c(*backend, 9, 21);
  backend->gemm({.a = da, .b = db, .c = c, .bias = dbias});
  expect_near(c.values(), with_bias(product(a, b), bias), 13);
}

// gelu(x) = x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))
TEST_P(GemmTest, GeluFollowsTheProduct) {
  const Values a = random_values(9, 13, 1), b = random_values(13, 21, 2), bias = random_values(1, 21, 3);
  const DeviceMatrix da(*backend, a), db(*backend, b), dbias(*backend, bias), before(*backend, 9, 21),
      c(*backend, 9, 21);
  for (const bool biased : {false, true}) {
    Gemm g{.a = da, .b = db, .c = c, .epilogue = Epilogue::gelu, .pre_activation = before};
    if (biased) g.bias = dbias;
    backend->gemm(g);
    Values expected = biased ? with_bias(product(a, b), bias) : product(a, b);
    expect_near(before.values(), expected, 13);
    for (double& x : expected.data)
      x = x / 2 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
    expect_near(c.values(), expected, 26);
  }
}

// Held against the gradient of gelu as a kernel of its own, which differences vouch for.
TEST_P(GemmTest, GradientOfGeluFollowsTheProduct) {
  const Values a = random_values(9, 21, 1), b = random_values(13, 21, 2), x = random_values(9, 13, 3);
  const Values sums = random_values(1, 13, 4);
  const DeviceMatrix da(*backend, a), db(*backend, b), dx(*backend, x), c(*backend, 9, 13);
  const DeviceMatrix y_gradient(*backend, product(a, transposed(b))), plain(*backend, 9, 13);
  backend->gelu_gradient(y_gradient, dx, {}, plain);
  Values expected_sums = sums;
  for (int64_t r = 0; r < 9; ++r)
    for (int64_t col = 0; col < 13; ++col) expected_sums(0, col) += plain.values()(r, col);
  Gemm g{.a = da, .b = db, .transpose_b = true, .c = c, .epilogue = Epilogue::gelu_gradient};
  g.pre_activation = dx;
  backend->gemm(g);
  expect_near(c.values(), plain.values(), 42);
  const DeviceMatrix dsums(*backend, sums);
  g.bias_gradient = dsums;
  backend->gemm(g);
  expect_near(c.values(), plain.values(), 42);
  expect_near(dsums.values(), expected_sums, 9 * 42);
}

// Ranks are threads of one process.
TEST_P(GemmTest, WorksOnSeveralThreadsAtOnce) {
  const Values a = random_values(90, 70, 1), b = random_values(70, 110, 2), expected = product(a, b);
  std::vector<Values> results(4, Values(90, 110));
  std::vector<std::thread> ranks;
  for (Values& result : results)
    ranks.emplace_back([&a, &b, &result] {
      const auto own = make_backend("cpu", GetParam());
      const DeviceMatrix da(*own, a), db(*own, b), c(*own, 90, 110);
      for (int i = 0; i < 20; ++i) own->gemm({.a = da, .b = db, .c = c});
      result = c.values();
    });
  for (std::thread& rank : ranks) rank.join();
  for (const Values& result : results) expect_near(result, expected, 70);
}

}  // namespace
}  // namespace paraplan
