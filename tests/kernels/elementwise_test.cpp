#include "tests/kernels/support.h"

namespace paraplan {
namespace {

class ElementwiseTest : public KernelTest {
 protected:
  const Values x = random_values(7, 45, 1), other = random_values(7, 45, 2), bias = random_values(1, 45, 3);
};
PARAPLAN_ALL_TYPES(ElementwiseTest);

TEST_P(ElementwiseTest, BiasIsAddedToEveryRow) {
  const DeviceMatrix dx(*backend, x), db(*backend, bias);
  backend->bias_add(db, dx);
  Values expected = x;
  for (int64_t r = 0; r < 7; ++r)
    for (int64_t c = 0; c < 45; ++c) expected(r, c) += bias(0, c);
  EXPECT_EQ(dx.values().data, expected.data);
}

TEST_P(ElementwiseTest, BiasGradientAddsUpRows) {
  const DeviceMatrix g(*backend, x), sums(*backend, bias);
  backend->bias_gradient(g, sums);
  backend->bias_gradient(g, sums);  // the second micro-batch
  Values expected = bias;
  for (int64_t r = 0; r < 7; ++r)
    for (int64_t c = 0; c < 45; ++c) expected(0, c) += 2 * x(r, c);
  EXPECT_EQ(sums.values().data, expected.data);  // exact: few digits
}

TEST_P(ElementwiseTest, SumMayReplaceAnOperand) {
  const DeviceMatrix a(*backend, x), b(*backend, other), sum(*backend, 7, 45);
  Values expected = x;
  for (size_t i = 0; i < expected.data.size(); ++i) expected.data[i] += other.data[i];
  backend->add(a, b, sum);
  EXPECT_EQ(sum.values().data, expected.data);
  backend->add(a, b, b);
  EXPECT_EQ(b.values().data, expected.data);
  EXPECT_EQ(a.values().data, x.data);
}

TEST_P(ElementwiseTest, CopiesAndFills) {
  const DeviceMatrix from(*backend, x), to(*backend, 7, 45);
  backend->copy(from, to);
  EXPECT_EQ(to.values().data, x.data);
  backend->fill(-0.25, to);
  EXPECT_EQ(to.values().data, Values(7, 45, -0.25).data);
}

}  // namespace
}  // namespace paraplan
