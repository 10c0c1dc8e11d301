#include "costmodel/prices/op_table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "costmodel/prices/kernel_cost.h"

namespace paraplan {
namespace {

constexpr double kFlopPerSecond = 1e9;

OpSample norm(double bytes, double seconds, int64_t ranks = 1) {
  return {.kind = OpKind::norm, .bytes = bytes, .ranks = ranks, .seconds = seconds};
}

OpSample gemm(int64_t size, double seconds, OpKind kind = OpKind::gemm, double batch = 1) {
  return {.kind = kind, .m = size, .n = size, .k = size, .batch = batch, .seconds = seconds};
}

Op norm_op(double bytes) {
  return {.kind = OpKind::norm, .bytes = bytes};
}

Op gemm_op(int64_t m, int64_t n, int64_t k, OpKind kind = OpKind::gemm, double batch = 1) {
  return {.kind = kind, .m = m, .n = n, .k = k, .batch = batch};
}

double flop_time(double m, double n, double k) {
  return 2 * m * n * k / kFlopPerSecond;
}

OpTable table(const std::vector<OpSample>& samples, int64_t active_devices = 1) {
  return {samples, Precision::fp32, active_devices, {flop_time, flop_time, flop_time, flop_time}};
}

// Fails the test for an op without a price.
double price_s(const OpTable& table, const Op& op) {
  return table.price(op).value().seconds;
}

TEST(ByteCurve, IsALineOutsideThePointsAndALogarithmicOneInside) {
  const ByteCurve curve({{400, 7e-6}, {100, 4e-6}, {200, 5e-6}});  // 3 us + 10 ns per byte
  EXPECT_EQ(curve.seconds(100), 4e-6);
  EXPECT_EQ(curve.seconds(200), 5e-6);
  EXPECT_EQ(curve.seconds(400), 7e-6);
  EXPECT_DOUBLE_EQ(curve.seconds(200 * std::sqrt(2)), std::sqrt(5e-6 * 7e-6));
  EXPECT_DOUBLE_EQ(curve.seconds(0), 3e-6);
  EXPECT_DOUBLE_EQ(curve.seconds(50), 3.5e-6);
  EXPECT_DOUBLE_EQ(curve.seconds(1000), 13e-6);
}

TEST(ByteCurve, NeverStartsBelowZero) {
  // Out of the cache, more than proportional: below the smallest point proportional.
  const ByteCurve curve({{100, 1e-6}, {200, 4e-6}});
  EXPECT_EQ(curve.start_s(), 0);
  EXPECT_DOUBLE_EQ(curve.seconds(50), 0.5e-6);
}

TEST(ByteCurve, OfOnePointIsProportional) {
  const ByteCurve curve({{100, 1e-6}});
  EXPECT_DOUBLE_EQ(curve.seconds(25), 0.25e-6);
  EXPECT_DOUBLE_EQ(curve.seconds(400), 4e-6);
}

TEST(ByteCurve, PoolsTimesThatFall) {
  const ByteCurve curve({{100, 1e-6}, {200, 8e-6}, {300, 2e-6}});
  EXPECT_DOUBLE_EQ(curve.seconds(200), 4e-6);  // sqrt(8 * 2)
  EXPECT_DOUBLE_EQ(curve.seconds(300), 4e-6);
  // Beyond them it still grows: by the line from the last lower point.
  EXPECT_NEAR(curve.seconds(500), 4e-6 + 200 * 3e-6 / 200, 1e-18);
}

TEST(ByteCurve, GrowsWithoutSteps) {
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> exponent(3, 20), noise(0.7, 1.4);
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<ByteCurve::Point> points;
    for (int i = 0; i <= trial % 12; ++i) {
      const double bytes = std::exp(exponent(random));
      points.push_back({bytes, (2e-6 + bytes / 1e10) * noise(random)});
    }
    const ByteCurve curve(points);
    double last = curve.seconds(1);
    for (double bytes = 1; bytes < 1e10; bytes *= 1.01) {
      const double now = curve.seconds(bytes);
      EXPECT_GE(now, last);
      last = now;
    }
    for (const auto& point : points) {
      const double at = curve.seconds(point.bytes);
      EXPECT_NEAR(curve.seconds(point.bytes * (1 - 1e-9)), at, 1e-6 * at);
      EXPECT_NEAR(curve.seconds(point.bytes * (1 + 1e-9)), at, 1e-6 * at);
    }
  }
}

TEST(OpTable, AMeasuredOpHasItsTime) {
  OpSample dropout = norm(1000, 5e-6);
  dropout.kind = OpKind::dropout;
  dropout.random = true;
  const OpTable ops = table({norm(1000, 1e-6), gemm(64, 3e-4), dropout});
  EXPECT_EQ(price_s(ops, norm_op(1000)), 1e-6);
  EXPECT_EQ(ops.price(norm_op(1000))->origin, PriceOrigin::measured);
  EXPECT_EQ(price_s(ops, gemm_op(64, 64, 64)), 3e-4);
  EXPECT_EQ(ops.price(gemm_op(64, 64, 64))->origin, PriceOrigin::measured);
  EXPECT_EQ(price_s(ops, {.kind = OpKind::dropout, .bytes = 1000, .random_numbers = 250}), 5e-6);
}

TEST(OpTable, KnowsNothingOfOtherFamilies) {
  OpSample other_precision = norm(1000, 1e-6);
  other_precision.kind = OpKind::gelu;
  other_precision.precision = Precision::bf16;
  const OpTable ops = table({norm(1000, 1e-6), gemm(64, 3e-4), other_precision});
  EXPECT_FALSE(ops.price({.kind = OpKind::softmax, .bytes = 1000}));
  EXPECT_FALSE(ops.price({.kind = OpKind::norm, .derivative = Derivative::data, .bytes = 1000}));
  EXPECT_FALSE(ops.price({.kind = OpKind::norm, .bytes = 1000, .random_numbers = 1}));
  EXPECT_FALSE(ops.price({.kind = OpKind::gelu, .bytes = 1000}));
  EXPECT_FALSE(
      ops.price({.kind = OpKind::gemm, .derivative = Derivative::weight, .m = 64, .n = 64, .k = 64}));
}

TEST(OpTable, StreamingOpsAreInterpolatedByBytes) {
  const OpTable ops = table({norm(1000, 2e-6), norm(4000, 5e-6)});
  EXPECT_DOUBLE_EQ(price_s(ops, norm_op(2000)), std::sqrt(2e-6 * 5e-6));
  EXPECT_DOUBLE_EQ(price_s(ops, norm_op(10000)), 11e-6);
  EXPECT_EQ(ops.price(norm_op(2000))->origin, PriceOrigin::interpolated);
}

TEST(OpTable, ProductsFollowTheFormulaAtTheLevelOfTheSamples) {
  // Twice the formula's time everywhere.
  const OpTable ops = table({gemm(64, 2 * flop_time(64, 64, 64)), gemm(256, 2 * flop_time(256, 256, 256))});
  EXPECT_NEAR(price_s(ops, gemm_op(100, 128, 200)), 2 * flop_time(100, 128, 200), 1e-12);
  EXPECT_NEAR(price_s(ops, gemm_op(4096, 4096, 4096)), 2 * flop_time(4096, 4096, 4096), 1e-6);
  EXPECT_EQ(ops.price(gemm_op(4096, 4096, 4096))->origin, PriceOrigin::interpolated);
}

TEST(OpTable, TheLevelIsThatOfTheNearestSamples) {
  // Small products at a tenth of the rate of large ones.
  const OpTable ops = table({gemm(16, 10 * flop_time(16, 16, 16)), gemm(2048, flop_time(2048, 2048, 2048))});
  EXPECT_NEAR(price_s(ops, gemm_op(17, 16, 16)) / flop_time(17, 16, 16), 10, 0.5);
  EXPECT_NEAR(price_s(ops, gemm_op(2048, 4096, 2048)) / flop_time(2048, 4096, 2048), 1, 0.05);
}

TEST(OpTable, ProductsOfABatchCountEach) {
  const OpKind kind = OpKind::attention_scores;
  const OpTable ops = table({gemm(64, 8e-3, kind, 4)});
  EXPECT_EQ(price_s(ops, gemm_op(64, 64, 64, kind, 4)), 8e-3);
  EXPECT_NEAR(price_s(ops, gemm_op(64, 64, 64, kind, 10)), 20e-3, 1e-12);
  EXPECT_FALSE(ops.price(gemm_op(64, 64, 64, OpKind::attention_context, 4)));
}

TEST(OpTable, ProductsAreContinuousAtTheSamples) {
  const OpTable ops = table({gemm(1 << 20, 2), gemm(1 << 10, 1e-3), gemm(1 << 15, 5e-2)});
  const int64_t size = 1 << 20;
  EXPECT_NEAR(price_s(ops, gemm_op(size + 1, size, size)), 2, 1e-4);
  EXPECT_NEAR(price_s(ops, gemm_op(size - 1, size, size)), 2, 1e-4);
}

TEST(OpTable, TakesTheNearestNumberOfActiveDevices) {
  const std::vector<OpSample> samples = {norm(1000, 1e-6, 1), norm(1000, 3e-6, 4), gemm(64, 1e-3)};
  const OpTable four = table(samples, 4), three = table(samples, 3);
  EXPECT_EQ(price_s(four, norm_op(1000)), 3e-6);
  EXPECT_EQ(four.price(norm_op(1000))->origin, PriceOrigin::measured);
  EXPECT_EQ(price_s(three, norm_op(1000)), 3e-6);
  EXPECT_EQ(three.price(norm_op(1000))->origin, PriceOrigin::interpolated);
  // Each family by itself.
  EXPECT_EQ(price_s(four, gemm_op(64, 64, 64)), 1e-3);
  EXPECT_EQ(four.price(gemm_op(64, 64, 64))->origin, PriceOrigin::interpolated);
}

TEST(OpTable, ALaterSampleReplacesAnEarlierOne) {
  const OpTable ops = table({norm(1000, 9e-6), norm(1000, 1e-6)});
  EXPECT_EQ(price_s(ops, norm_op(1000)), 1e-6);
  EXPECT_DOUBLE_EQ(price_s(ops, norm_op(2000)), 2e-6);
}

Device sampled_device() {
  Device d;
  d.memory_bytes_per_s.value = 1e10;
  d.memory_efficiency.value = 1;
  d.peak_fp32_flop_per_s.value = 1e12;
  d.gemm_efficiency.value = d.batched_gemm_efficiency.value = 1;
  d.sustained_rate.value = 0.5;
  d.processors.value = 1;
  d.tile_rows.value = d.tile_columns.value = 16;
  d.clock_hz.value = 2e9;
  d.op_samples = {gemm(64, 1e-3), norm(1000, 1e-6)};
  return d;
}

TEST(KernelCost, TakesOpSamplesFirstAndAsTheyAre) {
  const Device d = sampled_device();
  const KernelCost kernels(d, Precision::fp32, 0);
  EXPECT_EQ(kernels.price(gemm_op(64, 64, 64)).seconds, 1e-3);  // no sustained rate
  EXPECT_EQ(kernels.price(gemm_op(64, 64, 64)).origin, PriceOrigin::measured);
  EXPECT_DOUBLE_EQ(kernels.price({.kind = OpKind::gelu, .bytes = 1000}).seconds, 1000 / 1e10);
}

TEST(KernelCost, OpSamplesOfAnotherClockOrPrecisionSayNothing) {
  const Device d = sampled_device();
  EXPECT_DOUBLE_EQ(KernelCost(d, Precision::fp32, 1e9).price(norm_op(1000)).seconds, 1000 / 1e10);
  EXPECT_DOUBLE_EQ(KernelCost(d, Precision::bf16, 0).price(norm_op(1000)).seconds, 1000 / 1e10);
}

TEST(KernelCost, PricesFp64FromSamplesAlone) {
  Device d = sampled_device();
  for (OpSample& s : d.op_samples) s.precision = Precision::fp64;
  const KernelCost kernels(d, Precision::fp64, 0);
  EXPECT_EQ(kernels.price(gemm_op(64, 64, 64)).seconds, 1e-3);
  EXPECT_NEAR(kernels.price(gemm_op(128, 64, 64)).seconds, 2e-3, 1e-9);
}

}  // namespace
}  // namespace paraplan
