#include <cmath>

#include "tests/kernels/support.h"

namespace paraplan {
namespace {

constexpr double kEpsilon = 1e-5;
constexpr Matrix kNone;

struct NormReference {
  NormReference(const Values& x, const Values& gain, const Values* shift)
      : y(x.rows, x.columns), statistics(x.rows, 2) {
    const auto n = static_cast<double>(x.columns);
    for (int64_t r = 0; r < x.rows; ++r) {
      double mean = 0, variance = 0;
      for (int64_t c = 0; c < x.columns; ++c) mean += shift != nullptr ? x(r, c) / n : 0;
      for (int64_t c = 0; c < x.columns; ++c) variance += (x(r, c) - mean) * (x(r, c) - mean) / n;
      statistics(r, 0) = mean;
      statistics(r, 1) = 1 / std::sqrt(variance + kEpsilon);
      for (int64_t c = 0; c < x.columns; ++c)
        y(r, c) = (x(r, c) - mean) * statistics(r, 1) * gain(0, c) + (shift != nullptr ? (*shift)(0, c) : 0);
    }
  }
  Values y, statistics;
};

class NormTest : public KernelTest {
 protected:
  const Values x = random_values(5, 67, 1), gain = random_values(1, 67, 2), shift = random_values(1, 67, 3);
};
PARAPLAN_ALL_TYPES(NormTest);

TEST_P(NormTest, NormalisesRows) {
  const DeviceMatrix dx(*backend, x), dg(*backend, gain), ds(*backend, shift);
  const DeviceMatrix y(*backend, 5, 67), statistics(*backend, 5, 2);
  backend->norm(dx, dg, ds, kEpsilon, y, statistics);
  const NormReference expected(x, gain, &shift);
  expect_near(y.values(), expected.y, 8);
  expect_near(statistics.values(), expected.statistics, 8);
}

TEST_P(NormTest, LeavesTheMeanWithoutShift) {
  const DeviceMatrix dx(*backend, x), dg(*backend, gain), y(*backend, 5, 67), statistics(*backend, 5, 2);
  backend->norm(dx, dg, kNone, kEpsilon, y, statistics);
  const NormReference expected(x, gain, nullptr);
  expect_near(y.values(), expected.y, 8);
  expect_near(statistics.values(), expected.statistics, 8);
}

// A mean far from zero: a variance from the mean of squares would keep no digits in single precision.
TEST_P(NormTest, KeepsTheVarianceOfRowsFarFromZero) {
  Values far = x;
  for (double& value : far.data) value += 4096;
  const DeviceMatrix dx(*backend, far), dg(*backend, gain), ds(*backend, shift);
  const DeviceMatrix y(*backend, 5, 67), statistics(*backend, 5, 2);
  backend->norm(dx, dg, ds, kEpsilon, y, statistics);
  expect_near(y.values(), NormReference(far, gain, &shift).y, 4096);
}

TEST_P(NormTest, AddsToTheGradientsOfGainAndShift) {
  const NormReference reference(x, gain, &shift);
  const Values dy = random_values(5, 67, 4), before = random_values(1, 67, 5);
  const DeviceMatrix g(*backend, dy), dx(*backend, x), s(*backend, reference.statistics), dg(*backend, gain);
  const DeviceMatrix x_gradient(*backend, 5, 67), gain_gradient(*backend, before),
      shift_gradient(*backend, before);
  backend->norm_gradient(g, dx, s, dg, x_gradient, gain_gradient, shift_gradient);
  Values expected_gain = before, expected_shift = before;
  for (int64_t r = 0; r < 5; ++r)
    for (int64_t c = 0; c < 67; ++c) {
      expected_gain(0, c) += dy(r, c) * (x(r, c) - reference.statistics(r, 0)) * reference.statistics(r, 1);
      expected_shift(0, c) += dy(r, c);
    }
  expect_near(gain_gradient.values(), expected_gain, 5);
  expect_near(shift_gradient.values(), expected_shift, 5);
}

// dn_j / dx_i = inverse * ((i == j) - 1 / C - n_i n_j / C); RMSNorm lacks the second term.
Values x_gradient_reference(const Values& dy, const Values& x, const Values& statistics, const Values& gain,
                            bool centred) {
  const auto columns = static_cast<double>(x.columns);
  Values dx(x.rows, x.columns);
  for (int64_t r = 0; r < x.rows; ++r) {
    const double mean = statistics(r, 0), inverse = statistics(r, 1);
    for (int64_t i = 0; i < x.columns; ++i)
      for (int64_t j = 0; j < x.columns; ++j) {
        const double ni = (x(r, i) - mean) * inverse, nj = (x(r, j) - mean) * inverse;
        const double slope = inverse * ((i == j ? 1 : 0) - (centred ? 1 / columns : 0) - ni * nj / columns);
        dx(r, i) += dy(r, j) * gain(0, j) * slope;
      }
  }
  return dx;
}

TEST_P(NormTest, HasTheGradientOfTheReference) {
  const Values dy = random_values(5, 67, 4);
  for (const bool centred : {true, false}) {
    const Values statistics = NormReference(x, gain, centred ? &shift : nullptr).statistics;
    const DeviceMatrix g(*backend, dy), dx(*backend, x), s(*backend, statistics), dg(*backend, gain);
    const DeviceMatrix x_gradient(*backend, 5, 67), gain_sums(*backend, Values(1, 67)),
        shift_sums(*backend, Values(1, 67));
    backend->norm_gradient(g, dx, s, dg, x_gradient, gain_sums,
                           centred ? static_cast<const Matrix&>(shift_sums) : kNone);
    expect_near(x_gradient.values(), x_gradient_reference(dy, x, statistics, gain, centred), 16);
  }
}

// Seen through weights; without `shift` the RMSNorm.
void expect_norm_gradients(bool centred) {
  const auto cpu = make_backend("cpu", ElementType::fp64);
  const Values x = random_values(3, 6, 1), gain = random_values(1, 6, 2), shift = random_values(1, 6, 3);
  const Values weights = random_values(3, 6, 4);
  const DeviceMatrix statistics(*cpu, 3, 2);
  const auto loss = [&](const Values& at, const Values& gains, const Values& shifts) {
    const DeviceMatrix dx(*cpu, at), dg(*cpu, gains), ds(*cpu, shifts), y(*cpu, 3, 6);
    cpu->norm(dx, dg, centred ? static_cast<const Matrix&>(ds) : kNone, kEpsilon, y, statistics);
    return inner(y.values(), weights);
  };
  loss(x, gain, shift);
  const DeviceMatrix g(*cpu, weights), dx(*cpu, x), dg(*cpu, gain), x_gradient(*cpu, 3, 6);
  const DeviceMatrix gain_gradient(*cpu, Values(1, 6)), shift_gradient(*cpu, Values(1, 6));
  cpu->norm_gradient(g, dx, statistics, dg, x_gradient, gain_gradient,
                     centred ? static_cast<const Matrix&>(shift_gradient) : kNone);
  expect_gradient([&](const Values& at) { return loss(at, gain, shift); }, x, x_gradient.values());
  expect_gradient([&](const Values& at) { return loss(x, at, shift); }, gain, gain_gradient.values());
  expect_gradient([&](const Values& at) { return loss(x, gain, at); }, shift, shift_gradient.values());
}

TEST(LayerNormGradient, AgreesWithDifferences) {
  expect_norm_gradients(true);
}

TEST(RmsNormGradient, AgreesWithDifferences) {
  expect_norm_gradients(false);
}

}  // namespace
}  // namespace paraplan
