#include <cmath>

#include "tests/kernels/support.h"

namespace paraplan {
namespace {

class OptimizerTest : public KernelTest {
 protected:
  double square_sum(const std::vector<Matrix>& matrices, double before = 0) const {
    const DeviceDouble total(*backend, before);
    backend->square_sum(matrices, total.data());
    return total.value();
  }
  void adam(const AdamStep& step, const AdamTensor& tensor) const { backend->adam(step, {&tensor, 1}); }
};
PARAPLAN_ALL_TYPES(OptimizerTest);

TEST_P(OptimizerTest, SquareSumIsInDouble) {
  const Values x = random_values(5, 1003, 1);
  const DeviceMatrix dx(*backend, x);
  EXPECT_NEAR(square_sum({dx}), inner(x, x), 1e-12 * inner(x, x));
}

// One large and many small: in single precision the small ones would be lost.
TEST_P(OptimizerTest, SquareSumKeepsSmallTerms) {
  Values x(1, 100001, 1);
  x(0, 0) = 16384;
  const DeviceMatrix dx(*backend, x);
  EXPECT_EQ(square_sum({dx}), 16384.0 * 16384.0 + 100000);
}

TEST_P(OptimizerTest, SquareSumAddsAllMatricesToTheTotal) {
  const DeviceMatrix a(*backend, Values(2, 3, 2.0)), b(*backend, Values(1, 700, 0.5)), none(*backend, 1, 0);
  EXPECT_EQ(square_sum({a, none, b}, 7), 7 + 6 * 4 + 700 * 0.25);
  EXPECT_EQ(square_sum({}, 7), 7);
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
    adam(step, {p, g, m, v});
    reference.update(step, gradient);
    EXPECT_EQ(g.values().data, Values(3, 1037).data);
  }
  expect_near(p.values(), reference.parameter, 16);
  expect_near(m.values(), reference.first, 4);
  expect_near(v.values(), reference.second, 4);
}

// One call for tensors of different shapes: with decay, without, and with a master copy, which alone counts.
TEST_P(OptimizerTest, AdamUpdatesEveryTensorInItsWay) {
  const AdamStep step{.learning_rate = 0.01, .epsilon = 1e-3, .weight_decay = 0.5};
  AdamStep constant = step;
  constant.weight_decay = 0;
  std::vector<AdamReference> references;
  std::vector<Values> gradients;
  for (const int64_t columns : {600, 7, 33}) {
    const auto seed = static_cast<uint64_t>(columns);
    references.push_back({random_values(2, columns, seed), Values(2, columns), Values(2, columns)});
    gradients.push_back(random_values(2, columns, seed + 1));
  }
  std::vector<std::unique_ptr<DeviceMatrix>> p, g, m, v;
  for (size_t i = 0; i < references.size(); ++i) {
    p.push_back(std::make_unique<DeviceMatrix>(*backend, references[i].parameter));
    g.push_back(std::make_unique<DeviceMatrix>(*backend, gradients[i]));
    m.push_back(std::make_unique<DeviceMatrix>(*backend, references[i].first));
    v.push_back(std::make_unique<DeviceMatrix>(*backend, references[i].second));
    references[i].update(i == 1 ? constant : step, gradients[i]);
  }
  const DeviceMatrix rounded(*backend, Values(2, 33, 77.0));
  const std::vector<AdamTensor> tensors = {{*p[0], *g[0], *m[0], *v[0]},
                                           {*p[1], *g[1], *m[1], *v[1], {}, false},
                                           {rounded, *g[2], *m[2], *v[2], *p[2]}};
  backend->adam(step, tensors);
  for (size_t i = 0; i < references.size(); ++i) {
    expect_near(p[i]->values(), references[i].parameter, 4);
    expect_near(v[i]->values(), references[i].second, 4);
    EXPECT_EQ(g[i]->values().data, Values(2, gradients[i].columns).data);
  }
  EXPECT_EQ(rounded.values().data, p[2]->values().data);
}

// Against the sign of the gradient, by the learning rate, whatever the gradient's size.
TEST_P(OptimizerTest, FirstAdamStepIsTheLearningRate) {
  Values gradient(1, 2);
  gradient.data = {1e-3, -5};
  const DeviceMatrix p(*backend, Values(1, 2, 1)), g(*backend, gradient), m(*backend, Values(1, 2)),
      v(*backend, Values(1, 2));
  adam({.learning_rate = 0.25, .step = 1}, {p, g, m, v});
  EXPECT_NEAR(p.values()(0, 0), 0.75, 1e-4);
  EXPECT_NEAR(p.values()(0, 1), 1.25, 1e-4);
}

TEST_P(OptimizerTest, AdamShowsNan) {
  const DeviceMatrix p(*backend, Values(1, 40, 1)), g(*backend, Values(1, 40, std::nan("")));
  const DeviceMatrix m(*backend, Values(1, 40)), v(*backend, Values(1, 40));
  adam({.learning_rate = 0.1}, {p, g, m, v});
  for (const double value : p.values().data) ASSERT_TRUE(std::isnan(value));
}

}  // namespace
}  // namespace paraplan
