#include <algorithm>
#include <cmath>

#include "tests/kernels/support.h"

namespace paraplan {
namespace {

constexpr int64_t kRows = 6, kVocab = 83, kPadded = 88, kSplit = 44;
const std::vector<int64_t> kTargets = {0, 82, 43, -1, 44, 7};  // one row is ignored

double loss_reference(const Values& logits) {
  double loss = 0;
  for (int64_t r = 0; r < kRows; ++r) {
    const int64_t target = kTargets[static_cast<size_t>(r)];
    double sum = 0;
    for (int64_t c = 0; c < kVocab; ++c) sum += std::exp(logits(r, c));
    if (target >= 0) loss += std::log(sum) - logits(r, target);
  }
  return loss;
}

// The vocabulary on one rank or cut in two, as a tensor group computes with it.
struct Loss {
  double value = 0;
  Values gradient{kRows, kPadded};
};

Values columns_of(const Values& x, int64_t first, int64_t count) {
  Values part(x.rows, count);
  for (int64_t r = 0; r < x.rows; ++r)
    for (int64_t c = 0; c < count; ++c) part(r, c) = x(r, first + c);
  return part;
}

Loss split_loss(Backend& backend, const Values& logits, const std::vector<int64_t>& firsts, double scale) {
  const int64_t width = kPadded / static_cast<int64_t>(firsts.size());
  Values maximum(kRows, 1, -1e30), sum(kRows, 1), target(kRows, 1);
  for (const int64_t first : firsts) {
    const DeviceMatrix part(backend, columns_of(logits, first, width)), m(backend, kRows, 1);
    backend.loss_maximum(part, first, kVocab, m);
    for (int64_t r = 0; r < kRows; ++r) maximum(r, 0) = std::max(maximum(r, 0), m.values()(r, 0));
  }
  const DeviceMatrix all_maximum(backend, maximum);
  for (const int64_t first : firsts) {
    const DeviceMatrix part(backend, columns_of(logits, first, width)), s(backend, kRows, 1),
        t(backend, kRows, 1);
    backend.loss_sum(part, first, kVocab, kTargets.data(), all_maximum, s, t);
    for (int64_t r = 0; r < kRows; ++r) sum(r, 0) += s.values()(r, 0), target(r, 0) += t.values()(r, 0);
  }
  const DeviceMatrix all_sum(backend, sum), all_target(backend, target);
  Loss loss;
  const DeviceDouble total(backend, 0);
  backend.cross_entropy(kTargets.data(), 1, all_sum, all_target, total.data());
  loss.value = total.value();
  for (const int64_t first : firsts) {
    const DeviceMatrix part(backend, columns_of(logits, first, width));
    backend.cross_entropy_gradient(first, kVocab, kTargets.data(), scale, all_maximum, all_sum, part);
    const Values gradient = part.values();
    for (int64_t r = 0; r < kRows; ++r)
      for (int64_t c = 0; c < width; ++c) loss.gradient(r, first + c) = gradient(r, c);
  }
  return loss;
}

class LossTest : public KernelTest {
 protected:
  // Padding holds numbers that would dominate, were they counted.
  Values logits = [] {
    Values x = random_values(kRows, kPadded, 1);
    for (int64_t r = 0; r < kRows; ++r)
      for (int64_t c = kVocab; c < kPadded; ++c) x(r, c) = 1000;
    return x;
  }();
};
PARAPLAN_ALL_TYPES(LossTest);

TEST_P(LossTest, IsTheReferenceHoweverTheVocabularyIsSplit) {
  const double expected = loss_reference(logits);
  EXPECT_NEAR(split_loss(*backend, logits, {0}, 1).value, expected, tolerance(4) * expected);
  EXPECT_NEAR(split_loss(*backend, logits, {0, kSplit}, 1).value, expected, tolerance(4) * expected);
}

// Rows with sums of 1 and targets of -1 have a loss of 1 each; one of the six is ignored.
TEST_P(LossTest, IsScaledAndAddedToTheTotal) {
  const DeviceMatrix sum(*backend, Values(kRows, 1, 1.0)), target(*backend, Values(kRows, 1, -1.0));
  const DeviceDouble total(*backend, 100);
  backend->cross_entropy(kTargets.data(), 0.5, sum, target, total.data());
  EXPECT_EQ(total.value(), 102.5);
}

TEST_P(LossTest, GradientIsSoftmaxLessOneHot) {
  constexpr double kScale = 0.125;
  Values expected(kRows, kPadded);
  for (int64_t r = 0; r < kRows; ++r) {
    const int64_t target = kTargets[static_cast<size_t>(r)];
    if (target < 0) continue;
    double sum = 0;
    for (int64_t c = 0; c < kVocab; ++c) sum += std::exp(logits(r, c));
    for (int64_t c = 0; c < kVocab; ++c)
      expected(r, c) = kScale * (std::exp(logits(r, c)) / sum - (c == target ? 1 : 0));
  }
  expect_near(split_loss(*backend, logits, {0}, kScale).gradient, expected);
  expect_near(split_loss(*backend, logits, {0, kSplit}, kScale).gradient, expected);
}

TEST_P(LossTest, TakesLargeLogits) {
  for (double& x : logits.data) x *= 4096;
  const double loss = split_loss(*backend, logits, {0}, 1).value;
  EXPECT_TRUE(std::isfinite(loss));
  EXPECT_GT(loss, 1000);
}

TEST_P(LossTest, ShowsWhatIsNotFinite) {
  for (const double bad : {std::nan(""), HUGE_VAL})
    for (int64_t c = 0; c < kVocab; ++c) {
      Values broken = logits;
      broken(1, c) = bad;
      EXPECT_FALSE(std::isfinite(split_loss(*backend, broken, {0}, 1).value)) << bad << " in column " << c;
      EXPECT_FALSE(std::isfinite(split_loss(*backend, broken, {0, kSplit}, 1).value))
          << bad << " in column " << c;
    }
}

// A rank may hold padding alone.
TEST_P(LossTest, PartsOfPaddingAddNothing) {
  const DeviceMatrix part(*backend, Values(kRows, 8, 3.0)), m(*backend, kRows, 1),
      zero(*backend, Values(kRows, 1));
  const DeviceMatrix sum(*backend, kRows, 1), target(*backend, kRows, 1);
  backend->loss_maximum(part, 96, kVocab, m);
  backend->loss_sum(part, 96, kVocab, kTargets.data(), zero, sum, target);
  for (int64_t r = 0; r < kRows; ++r) EXPECT_LT(m.values()(r, 0), -1e30);
  EXPECT_EQ(sum.values().data, Values(kRows, 1).data);
  EXPECT_EQ(target.values().data, Values(kRows, 1).data);
}

TEST(LossGradient, AgreesWithDifferences) {
  const auto cpu = make_backend("cpu", ElementType::fp64);
  const Values logits = random_values(kRows, kPadded, 1);
  const auto loss = [&](const Values& x) { return 0.5 * split_loss(*cpu, x, {0, kSplit}, 1).value; };
  expect_gradient(loss, logits, split_loss(*cpu, logits, {0, kSplit}, 0.5).gradient);
}

}  // namespace
}  // namespace paraplan
