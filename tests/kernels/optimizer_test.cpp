#include <cmath>

#include "tests/kernels/support.h"

namespace paraplan {
namespace {

class OptimizerTest : public KernelTest {};
PARAPLAN_ALL_TYPES(OptimizerTest);

TEST_P(OptimizerTest, SquareSumIsInDouble) {
  const Values x = random_values(5, 1003, 1);
  const DeviceMatrix dx(*backend, x);
  EXPECT_NEAR(backend->square_sum(dx), inner(x, x), 1e-12 * inner(x, x));
}

// One large and many small: in single precision the small ones would be lost.
TEST_P(OptimizerTest, SquareSumKeepsSmallTerms) {
  Values x(1, 100001, 1);
  x(0, 0) = 16384;
  const DeviceMatrix dx(*backend, x);
  EXPECT_EQ(backend->square_sum(dx), 16384.0 * 16384.0 + 100000);
}

// Loshchilov and Hutter 2019, algorithm 2, with the learning rate applied to the decay.
struct AdamReference {
  Values parameter, first, second;

  void update(const AdamStep& s, const Values& gradient) {
    for (size_t i = 0; i < parameter.data.size(); ++i) {
      const double g = gradient.data[i] * s.gradient_scale;
      double &m = first.data[i], &v = second.data[i], &p = parameter.data[i];
      m = s.beta1 * m + (1 - s.beta1) * g;
      v = s.beta2 * v + (1 - s.beta2) * g * g;
      const auto t = static_cast<double>(s.step);
      const double corrected = m / (1 - std::pow(s.beta1, t)),
                   root = std::sqrt(v / (1 - std::pow(s.beta2, t)));
      p -= s.learning_rate * (corrected / (root + s.epsilon) + s.weight_decay * p);
    }
  }
};

TEST_P(OptimizerTest, AdamFollowsTheReferenceAndZeroesTheGradient) {
  AdamStep step{.learning_rate = 0.01, .epsilon = 1e-3, .weight_decay = 0.1, .gradient_scale = 0.5};
  AdamReference reference{random_values(3, 1037, 1), Values(3, 1037), Values(3, 1037)};
  const DeviceMatrix p(*backend, reference.parameter), m(*backend, reference.first),
      v(*backend, reference.second);
  for (step.step = 1; step.step <= 4; ++step.step) {
    const Values gradient = random_values(3, 1037, 10 + static_cast<uint64_t>(step.step));
    const DeviceMatrix g(*backend, gradient);
    backend->adam(step, p, g, m, v);
    reference.update(step, gradient);
    EXPECT_EQ(g.values().data, Values(3, 1037).data);
  }
  expect_near(p.values(), reference.parameter, 16);
  expect_near(m.values(), reference.first, 4);
  expect_near(v.values(), reference.second, 4);
}

// Against the sign of the gradient, by the learning rate, whatever the gradient's size.
TEST_P(OptimizerTest, FirstAdamStepIsTheLearningRate) {
  Values gradient(1, 2);
  gradient.data = {1e-3, -5};
  const DeviceMatrix p(*backend, Values(1, 2, 1)), g(*backend, gradient), m(*backend, Values(1, 2)),
      v(*backend, Values(1, 2));
  backend->adam({.learning_rate = 0.25, .step = 1}, p, g, m, v);
  EXPECT_NEAR(p.values()(0, 0), 0.75, 1e-4);
  EXPECT_NEAR(p.values()(0, 1), 1.25, 1e-4);
}

TEST_P(OptimizerTest, AdamShowsNan) {
  const DeviceMatrix p(*backend, Values(1, 40, 1)), g(*backend, Values(1, 40, std::nan("")));
  const DeviceMatrix m(*backend, Values(1, 40)), v(*backend, Values(1, 40));
  backend->adam({.learning_rate = 0.1}, p, g, m, v);
  for (const double value : p.values().data) ASSERT_TRUE(std::isnan(value));
}

}  // namespace
}  // namespace paraplan
