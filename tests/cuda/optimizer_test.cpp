#include <cmath>
#include <deque>

#include "tests/cuda/twin.h"

namespace paraplan {
namespace {

// A weight in the optimizer, on both sides.
struct Weight {
  Twin parameter, gradient, first_moment, second_moment, master;
  bool has_master, decays;

  AdamTensor on(const Backend& backend) const {
    return {parameter.on(backend),
            gradient.on(backend),
            first_moment.on(backend),
            second_moment.on(backend),
            has_master ? master.on(backend) : Matrix{},
            decays};
  }
};

class OptimizerTest : public CudaTest {
 protected:
  Weight weight(int64_t rows, int64_t columns, int64_t unused, bool has_master, bool decays) {
    Weight w{random(rows, columns, 1, unused),
             random_sums(rows, columns, 1, unused),
             random_sums(rows, columns, 1, unused),
             random_sums(rows, columns, 1, unused),
             random_sums(rows, columns, 1, unused),
             has_master,
             decays};
    std::vector<double> variance = w.second_moment.tested_values();
    for (double& v : variance) v = std::abs(v);
    w.second_moment.set(variance);
    return w;
  }
  void update(const AdamStep& step, const std::deque<Weight>& weights) {
    on_both([&](Backend& on) {
      std::vector<AdamTensor> tensors;
      for (const Weight& w : weights) tensors.push_back(w.on(on));
      on.adam(step, tensors);
    });
  }
  void expect_same_weight(const Weight& w) const {
    expect_same(w.parameter, 8);
    expect_same(w.gradient, 0, 0);
    expect_same(w.first_moment, 4);
    expect_same(w.second_moment, 4);
    if (w.has_master) expect_same(w.master, 8);
  }
  double square_sum(Backend& on, const std::vector<Matrix>& matrices, const TwinArray<double>& total) {
    on.square_sum(matrices, total.on(on));
    return total.values(on)[0];
  }
};
PARAPLAN_CUDA_TYPES(OptimizerTest);

constexpr AdamStep kStep{
    .learning_rate = 0.02, .epsilon = 1e-3, .weight_decay = 0.1, .gradient_scale = 0.5, .step = 3};

struct Size {
  int64_t rows, columns, unused;
};
// Dense and not, of whole packs and not, of several chunks and less than one.
constexpr Size kSizes[] = {{16, 64, 0}, {5, 67, 3},   {3, 61, 3},  {7, 63, 0},
                           {1, 1, 0},   {3, 4103, 1}, {90, 128, 4}};

TEST_P(OptimizerTest, UpdatesWeightsWithAndWithoutMaster) {
  for (const bool has_master : {true, false}) {
    std::deque<Weight> weights;
    for (const auto& [rows, columns, unused] : kSizes) {
      weights.push_back(weight(rows, columns, unused, has_master, true));
      weights.push_back(weight(rows, columns, unused, has_master, false));
    }
    update(kStep, weights);
    for (const Weight& w : weights) expect_same_weight(w);
  }
}

// More than one launch takes; weights of no elements among them.
TEST_P(OptimizerTest, UpdatesManyWeights) {
  std::deque<Weight> weights;
  for (int64_t i = 0; i < 75; ++i)
    weights.push_back(
        weight(1 + i % 3, i % 7 == 0 ? 0 : 5 + i, i % 7 == 0 ? 1 : i % 4, i % 2 == 0, i % 3 != 0));
  update(kStep, weights);
  for (const Weight& w : weights) expect_same_weight(w);
}

TEST_P(OptimizerTest, FollowsTheReferenceOverSteps) {
  std::deque<Weight> weights;
  weights.push_back(weight(3, 50, 2, true, true));
  for (int64_t step = 1; step <= 4; ++step) {
    AdamStep s = kStep;
    s.step = step;
    weights[0].gradient.set(std::vector<double>(150, 0.25 * static_cast<double>(step)));
    update(s, weights);
  }
  expect_same_weight(weights[0]);
}

TEST_P(OptimizerTest, UpdatesNothing) {
  update(kStep, {});
}

// In double: the largest difference is of the order of the sums' last bits.
TEST_P(OptimizerTest, SumsSquares) {
  std::deque<Twin> twins;
  for (const auto& [rows, columns, unused] : kSizes) twins.push_back(random_sums(rows, columns, 1, unused));
  for (int64_t i = 0; i < 150; ++i)
    twins.push_back(random_sums(1, i % 5 == 0 ? 0 : i, 1, i % 5 == 0 ? 1 : 0));
  twins.push_back(random_sums(40, 1031, 1, 1));  // more chunks than blocks
  const auto total = array(std::vector<double>{7});
  const auto sum = [&](Backend& on) {
    std::vector<Matrix> matrices;
    for (const Twin& t : twins) matrices.push_back(t.on(on));
    return square_sum(on, matrices, total);
  };
  const double expected = sum(*reference);
  EXPECT_NEAR(sum(*tested), expected, 1e-12 * expected);
}

// In single precision the small ones would be lost.
TEST_P(OptimizerTest, SquareSumKeepsSmallTerms) {
  std::vector<double> values(10001, 1);
  values[0] = 16384;
  Twin large = random_sums(1, 10001, 1, 0);
  large.set(values);
  const auto total = array(std::vector<double>{0});
  EXPECT_EQ(square_sum(*tested, {large.on(*tested)}, total), 16384.0 * 16384.0 + 10000);
  EXPECT_EQ(square_sum(*tested, {}, total), 16384.0 * 16384.0 + 10000);
}

}  // namespace
}  // namespace paraplan
