#include <algorithm>
#include <cmath>
#include <complex>

#include "tests/kernels/support.h"

namespace paraplan {
namespace {

// Keys that query t of a context rank sees.
int64_t visible(const AttentionShape& shape, int64_t row) {
  return shape.causal ? std::min(shape.first_query + row % shape.queries + 1, shape.keys) : shape.keys;
}

AttentionShape shape_of(bool causal) {
  return {.batch = 2,
          .heads = 3,
          .kv_heads = 3,
          .queries = 9,
          .keys = 37,
          .width = 4,
          .first_query = 18,
          .causal = causal};
}

Values softmax_reference(const AttentionShape& shape, double scale, const Values& scores) {
  Values p(scores.rows, scores.columns);
  for (int64_t r = 0; r < scores.rows; ++r) {
    double sum = 0;
    for (int64_t k = 0; k < visible(shape, r); ++k) sum += std::exp(scale * scores(r, k));
    for (int64_t k = 0; k < visible(shape, r); ++k) p(r, k) = std::exp(scale * scores(r, k)) / sum;
  }
  return p;
}

class SoftmaxTest : public KernelTest {};
PARAPLAN_ALL_TYPES(SoftmaxTest);

TEST_P(SoftmaxTest, NormalisesWhatAQuerySees) {
  for (const bool causal : {false, true}) {
    const AttentionShape shape = shape_of(causal);
    const Values scores = random_values(shape.rows(), shape.keys, 1);
    const DeviceMatrix s(*backend, scores);
    backend->softmax(shape, 3.0, s);
    expect_near(s.values(), softmax_reference(shape, 3.0, scores), 16);
  }
}

TEST_P(SoftmaxTest, GivesMaskedKeysNothingWhateverTheirScores) {
  const AttentionShape shape = shape_of(true);
  Values scores = random_values(shape.rows(), shape.keys, 1),
         gradient = random_values(shape.rows(), shape.keys, 2);
  for (int64_t r = 0; r < scores.rows; ++r)
    for (int64_t k = visible(shape, r); k < shape.keys; ++k) scores(r, k) = gradient(r, k) = 1e30;
  const DeviceMatrix p(*backend, scores), g(*backend, gradient);
  backend->softmax(shape, 0.5, p);
  backend->softmax_gradient(shape, 0.5, p, g);
  expect_near(p.values(), softmax_reference(shape, 0.5, scores), 16);
  for (const Values& result : {p.values(), g.values()})
    for (int64_t r = 0; r < result.rows; ++r)
      for (int64_t k = 0; k < shape.keys; ++k) {
        ASSERT_TRUE(std::isfinite(result(r, k)));
        if (k >= visible(shape, r)) {
          ASSERT_EQ(result(r, k), 0);
        }
      }
}

TEST_P(SoftmaxTest, TakesLargeScores) {
  const AttentionShape shape{.batch = 1, .heads = 1, .queries = 1, .keys = 3, .causal = false};
  Values scores(1, 3);
  scores.data = {1e4, -1e4, 1e4};
  const DeviceMatrix s(*backend, scores);
  backend->softmax(shape, 1.0, s);
  EXPECT_EQ(s.values()(0, 0), 0.5);
  EXPECT_NEAR(s.values()(0, 1), 0, 1e-37);
}

TEST_P(SoftmaxTest, ShowsNan) {
  const AttentionShape shape{.batch = 1, .heads = 1, .queries = 1, .keys = 40, .causal = false};
  for (int64_t at = 0; at < 40; ++at) {
    Values scores(1, 40, 0.5);
    scores(0, at) = std::nan("");
    const DeviceMatrix s(*backend, scores);
    backend->softmax(shape, 1.0, s);
    EXPECT_TRUE(std::isnan(s.values()(0, 0))) << "NaN at " << at;
  }
}

TEST_P(SoftmaxTest, HasTheGradientOfTheReference) {
  const AttentionShape shape = shape_of(true);
  const Values scores = random_values(shape.rows(), shape.keys, 1),
               gradient = random_values(shape.rows(), shape.keys, 2);
  const Values p = softmax_reference(shape, 2.0, scores);
  Values expected(p.rows, p.columns);
  for (int64_t r = 0; r < p.rows; ++r)
    for (int64_t i = 0; i < visible(shape, r); ++i)
      for (int64_t j = 0; j < visible(shape, r); ++j)  // dp_j / ds_i = p_j ((i == j) - p_i)
        expected(r, i) += 2.0 * gradient(r, j) * p(r, j) * ((i == j ? 1 : 0) - p(r, i));
  const DeviceMatrix dp(*backend, p), g(*backend, gradient);
  backend->softmax_gradient(shape, 2.0, dp, g);
  expect_near(g.values(), expected, shape.keys);
}

TEST(SoftmaxGradient, AgreesWithDifferences) {
  const AttentionShape shape{.batch = 1, .heads = 2, .queries = 4, .keys = 7, .first_query = 2};
  const auto cpu = make_backend("cpu", ElementType::fp64);
  const Values scores = random_values(8, 7, 1), weights = random_values(8, 7, 2);
  const DeviceMatrix p(*cpu, scores), g(*cpu, weights);
  cpu->softmax(shape, 0.7, p);
  cpu->softmax_gradient(shape, 0.7, p, g);
  const auto loss = [&](const Values& x) {
    const DeviceMatrix s(*cpu, x);
    cpu->softmax(shape, 0.7, s);
    return inner(s.values(), weights);
  };
  expect_gradient(loss, scores, g.values());
}

class RotaryTest : public KernelTest {};
PARAPLAN_ALL_TYPES(RotaryTest);

// Pair i is the complex number low + i high, turned by exp(i angle).
TEST_P(RotaryTest, TurnsPairsByTheirAngle) {
  const RowMap map{.first_row = 2, .tokens = 5, .first_token = 1000, .all_tokens = 2000};
  constexpr int64_t kHeads = 3, kWidth = 10;
  const Values before = random_values(7, kHeads * kWidth, 1);
  Values expected = before;
  for (int64_t r = 0; r < before.rows; ++r)
    for (int64_t h = 0; h < kHeads; ++h)
      for (int64_t i = 0; i < kWidth / 2; ++i) {
        const int64_t low = h * kWidth + i, high = low + kWidth / 2;
        const auto position = static_cast<double>(1000 + (r + 2) % 5);
        const double angle = position * std::pow(10000.0, -2.0 * static_cast<double>(i) / kWidth);
        const auto turned = std::complex(before(r, low), before(r, high)) * std::polar(1.0, angle);
        expected(r, low) = turned.real();
        expected(r, high) = turned.imag();
      }
  const DeviceMatrix x(*backend, before);
  backend->rotary(map, kHeads, kWidth, 10000.0, false, x);
  expect_near(x.values(), expected, 1000);  // in double the angle itself is rounded, to eps * 1000
  backend->rotary(map, kHeads, kWidth, 10000.0, true, x);
  expect_near(x.values(), before);
}

// Turning is a rotation, so its gradient turns back: weights . R x = (R^T weights) . x.
TEST_P(RotaryTest, InverseIsTheTranspose) {
  const RowMap map{.tokens = 6, .all_tokens = 6};
  const Values x = random_values(6, 16, 1), weights = random_values(6, 16, 2);
  const DeviceMatrix turned(*backend, x), back(*backend, weights);
  backend->rotary(map, 2, 8, 100.0, false, turned);
  backend->rotary(map, 2, 8, 100.0, true, back);
  EXPECT_NEAR(inner(turned.values(), weights), inner(back.values(), x), tolerance(96) * 96);
}

TEST_P(RotaryTest, TakesHeadsWiderThanAChunk) {
  const RowMap map{.tokens = 1, .first_token = 3, .all_tokens = 4};
  constexpr int64_t kWidth = 2200;
  const Values before = random_values(1, kWidth, 1);
  const DeviceMatrix x(*backend, before);
  backend->rotary(map, 1, kWidth, 10000.0, false, x);
  const Values after = x.values();
  for (int64_t i = 0; i < kWidth / 2; ++i) {
    const double angle = 3 * std::pow(10000.0, -2.0 * static_cast<double>(i) / kWidth);
    const double expected = before(0, i) * std::cos(angle) - before(0, i + kWidth / 2) * std::sin(angle);
    ASSERT_NEAR(after(0, i), expected, 4 * tolerance()) << "pair " << i;
  }
}

}  // namespace
}  // namespace paraplan
