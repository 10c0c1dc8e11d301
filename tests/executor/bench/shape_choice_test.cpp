#include "executor/bench/shape_choice.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "costmodel/prices/kernel_cost.h"

namespace paraplan {
namespace {

// A line of copies by bytes, or of products by rows.
NeededOp copy_of(double bytes, double calls = 1) {
  NeededOp op;
  op.op.kind = OpKind::add, op.op.name = "add", op.op.bytes = bytes;
  op.key.kind = OpKind::add, op.key.precision = Precision::bf16, op.key.bytes = bytes;
  op.line = "add", op.size = bytes, op.calls = calls;
  return op;
}

NeededOp product_of(int64_t m, int64_t n) {
  NeededOp op;
  op.op.kind = op.key.kind = OpKind::gemm, op.op.name = "gemm";
  op.op.m = op.key.m = m, op.op.n = op.key.n = n, op.op.k = op.key.k = 1024;
  op.key.precision = Precision::bf16;
  op.line = "gemm " + std::to_string(n), op.size = static_cast<double>(m);
  return op;
}

Device some_device() {
  Device d;
  d.memory_bytes_per_s.value = 1e12, d.peak_bf16_flop_per_s.value = 1e14;
  for (Constant* one : {&d.memory_efficiency, &d.gemm_efficiency, &d.sustained_rate, &d.processors,
                        &d.batched_gemm_efficiency, &d.tile_rows, &d.tile_columns})
    one->value = 1;
  return d;
}

// A timer that is a function of the op's size, and what it was asked for.
struct Timer {
  std::function<double(const NeededOp&)> seconds;
  double largest = 1e30;  // beyond: out of memory
  int budget = 1 << 30;   // measurements
  std::vector<double> asked = {};
  int64_t settled = 0;

  ChoiceReport choose(const std::vector<NeededOp>& ops) {
    const ChoiceHooks hooks = {.measure =
                                   [&](const NeededOp& op) {
                                     asked.push_back(op.size);
                                     if (op.size > largest) return OpOutcome{{}, "no memory"};
                                     OpSample sample = op.key;
                                     sample.seconds = seconds(op);
                                     return OpOutcome{sample, {}};
                                   },
                               .predict =
                                   [](const NeededOp& op, const std::vector<OpSample>& samples) {
                                     Device device = some_device();
                                     device.op_samples = samples;
                                     return KernelCost(device, Precision::bf16, 0).price(op.op);
                                   },
                               .go_on = [&] { return static_cast<int>(asked.size()) < budget; },
                               .progress = [&](int64_t done, int64_t) { settled = done; }};
    return measure_chosen(ops, hooks);
  }
};

std::vector<NeededOp> powers_of_two(int from, int to) {
  std::vector<NeededOp> ops;
  for (int i = from; i <= to; ++i) ops.push_back(copy_of(std::exp2(i)));
  return ops;
}

TEST(ShapeChoice, TakesThreeSamplesOfASmoothLine) {
  Timer timer{.seconds = [](const NeededOp& op) { return 1e-12 * op.size; }};
  const ChoiceReport report = timer.choose(powers_of_two(10, 26));
  EXPECT_EQ(timer.asked, (std::vector<double>{0x1p26, 0x1p10, 0x1p18}));
  EXPECT_EQ(report.midpoints, 1);
  EXPECT_EQ(report.refined, 0);
  EXPECT_EQ(report.interpolated, 14);
  EXPECT_LT(report.worst_error, 1e-9);
  EXPECT_EQ(timer.settled, report.needed);
}

TEST(ShapeChoice, RefinesWhereInterpolationIsWrongAndOnlyThere) {
  // A start of 10 us: from 2^10 to 2^22 bytes the time hardly grows, beyond it doubles.
  const auto seconds = [](const NeededOp& op) { return 1e-5 + 1e-12 * op.size; };
  Timer timer{.seconds = seconds};
  std::vector<NeededOp> ops = powers_of_two(4, 30);
  const ChoiceReport report = timer.choose(ops);
  EXPECT_GT(report.refined, 0);
  EXPECT_LT(timer.asked.size(), ops.size());
  EXPECT_LE(report.worst_error, kInterpolationTolerance);
  // Every octave round the bend is measured, few below 2^16.
  for (const double bend : {0x1p22, 0x1p23, 0x1p24})
    EXPECT_TRUE(std::ranges::count(timer.asked, bend)) << bend;
  EXPECT_LE(std::ranges::count_if(timer.asked, [](double s) { return s < 0x1p16; }), 4);
  EXPECT_EQ(report.measured + report.interpolated, report.needed);
}

TEST(ShapeChoice, FindsAStepOfTheTiles) {
  std::vector<NeededOp> ops;
  for (int64_t m = 64; m <= 4096; m += 64) ops.push_back(product_of(m, 1024));
  // One more wave from 2048 rows on costs a third.
  const auto seconds = [](const NeededOp& op) { return (op.size >= 2048 ? 1.33e-9 : 1e-9) * op.size; };
  Timer timer{.seconds = seconds};
  const ChoiceReport report = timer.choose(ops);
  EXPECT_TRUE(std::ranges::count(timer.asked, 2048));
  EXPECT_TRUE(std::ranges::count(timer.asked, 1984));
  EXPECT_LT(report.measured, report.needed / 2);
}

TEST(ShapeChoice, EndsOfAllLinesComeBeforeMidpointsTheLargestFirst) {
  std::vector<NeededOp> ops;
  for (const int64_t n : {128, 8192})
    for (const int64_t m : {128, 1024, 8192}) ops.push_back(product_of(m, n));
  std::vector<std::pair<int64_t, int64_t>> order;
  Timer timer{.seconds = [&](const NeededOp& op) {
    order.emplace_back(op.op.n, op.op.m);
    return 1e-12 * op.size * static_cast<double>(op.op.n);
  }};
  timer.choose(ops);
  const std::vector<std::pair<int64_t, int64_t>> expected = {{8192, 8192}, {8192, 128},  {128, 8192},
                                                             {128, 128},   {8192, 1024}, {128, 1024}};
  EXPECT_EQ(order, expected);
}

TEST(ShapeChoice, ASizeBeyondMemoryGivesWayToTheNext) {
  Timer timer{.seconds = [](const NeededOp& op) { return 1e-12 * op.size; }, .largest = 0x1p24};
  const ChoiceReport report = timer.choose(powers_of_two(10, 26));
  ASSERT_EQ(report.left_out.size(), 2u);
  EXPECT_EQ(report.left_out[0].reason, "no memory");
  EXPECT_EQ(report.left_out[0].op, "add add 67108864 bytes");
  EXPECT_EQ(report.measured, 3);
  EXPECT_EQ(report.interpolated, 12);
}

TEST(ShapeChoice, SaysWhatTheTimeDidNotReach) {
  const auto seconds = [](const NeededOp& op) { return 1e-5 + 1e-12 * op.size; };
  Timer few{.seconds = seconds, .budget = 3};
  const ChoiceReport report = few.choose(powers_of_two(4, 30));
  EXPECT_EQ(report.measured, 3);
  EXPECT_EQ(report.unchecked, 24);
  EXPECT_TRUE(report.left_out.empty());  // both ends are there, predictions interpolate
  Timer none{.seconds = seconds, .budget = 0};
  EXPECT_EQ(none.choose(powers_of_two(4, 30)).left_out.size(), 27u);
}

TEST(ShapeChoice, NoiseBelowTheToleranceCostsNothing) {
  const auto noisy = [](const NeededOp& op) {
    return 1e-12 * op.size * (1 + 0.01 * std::sin(op.size * 12.9898));
  };
  Timer timer{.seconds = noisy};
  EXPECT_EQ(timer.choose(powers_of_two(10, 26)).measured, 3);
}

}  // namespace
}  // namespace paraplan
