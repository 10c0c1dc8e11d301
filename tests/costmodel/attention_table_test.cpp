#include "costmodel/prices/attention/attention_table.h"

#include <gtest/gtest.h>

#include "costmodel/prices/kernel_cost.h"

namespace paraplan {
namespace {

Device device() {
  Device d;
  d.memory_bytes_per_s.value = 1e12;
  d.memory_efficiency.value = d.sustained_rate.value = 1;
  d.peak_fp16_flop_per_s.value = d.peak_bf16_flop_per_s.value = 100e12;
  d.peak_fp32_flop_per_s.value = 10e12;
  d.gemm_efficiency.value = d.batched_gemm_efficiency.value = 1;
  d.flash_forward_efficiency.value = d.flash_backward_efficiency.value = 0.5;
  d.processors.value = 100;
  d.tile_rows.value = d.tile_columns.value = 128;
  d.overlap_slowdown.value = 1;
  return d;
}

// Kernel, direction, mask, heads, width, length, seconds.
AttentionSample sample(AttentionKernel kernel, bool backward, bool causal, int64_t heads, int64_t width,
                       int64_t length, double seconds) {
  return {kernel, backward, causal, heads, width, length, seconds, "test"};
}

Op flash(double heads, int64_t width, int64_t length, bool causal, Derivative of = Derivative::none) {
  Op op{.kind = OpKind::flash_attention, .derivative = of};
  op.m = op.n = length, op.k = width, op.batch = heads, op.causal = causal;
  const auto n = static_cast<double>(length);
  op.flop = 4 * heads * n * n * static_cast<double>(width) * (causal ? 0.5 : 1);
  return op;
}

TEST(AttentionTable, ASampleHasItsOwnTime) {
  Device d = device();
  d.attention_samples = {sample(AttentionKernel::flash_2, false, true, 64, 128, 2048, 3e-3),
                         sample(AttentionKernel::flash_2, false, true, 64, 128, 8192, 40e-3)};
  const AttentionTable table(d, AttentionKernel::flash_2);
  EXPECT_DOUBLE_EQ(table.seconds(flash(64, 128, 2048, true)).value(), 3e-3);
  EXPECT_DOUBLE_EQ(table.seconds(flash(64, 128, 8192, true)).value(), 40e-3);
}

TEST(AttentionTable, BetweenSamplesTheirEfficiencyCounts) {
  Device d = device();
  // The same share of the formula at both lengths, so everywhere.
  const double work = flash_work(d, false, 1024, 1024, 64), more = flash_work(d, false, 4096, 4096, 64);
  d.attention_samples = {sample(AttentionKernel::cudnn, true, false, 64, 64, 1024, work * 1e-6),
                         sample(AttentionKernel::cudnn, true, false, 64, 64, 4096, more * 1e-6)};
  const AttentionTable table(d, AttentionKernel::cudnn);
  const double middle = table.seconds(flash(64, 64, 2048, false, Derivative::data)).value();
  EXPECT_NEAR(middle, flash_work(d, false, 2048, 2048, 64) * 1e-6, 1e-12);
  // Twice the width is twice the work.
  EXPECT_NEAR(table.seconds(flash(64, 128, 2048, false, Derivative::data)).value(), 2 * middle, 1e-12);
}

TEST(AttentionTable, AMaskWithoutSamplesTakesThoseOfTheOther) {
  Device d = device();
  d.attention_samples = {sample(AttentionKernel::flash_2, false, true, 64, 128, 2048, 3e-3)};
  const AttentionTable table(d, AttentionKernel::flash_2);
  EXPECT_FALSE(table.seconds(flash(64, 128, 2048, true, Derivative::data)));
  // About twice the work.
  const double whole = table.seconds(flash(64, 128, 2048, false)).value();
  EXPECT_DOUBLE_EQ(whole, 3e-3 * flash_work(d, false, 2048, 2048, 64) / flash_work(d, true, 2048, 2048, 64));
}

TEST(AttentionTable, AKernelWithoutSamplesTakesThoseOfTheNearest) {
  Device d = device();
  d.attention_samples = {sample(AttentionKernel::flash_2, false, true, 64, 128, 2048, 3e-3),
                         sample(AttentionKernel::flash_3, false, true, 64, 128, 2048, 1e-3)};
  const auto seconds = [&d](AttentionKernel kernel) {
    return AttentionTable(d, kernel).seconds(flash(64, 128, 2048, true)).value();
  };
  EXPECT_NEAR(seconds(AttentionKernel::flash_1), 3e-3, 1e-12);
  EXPECT_NEAR(seconds(AttentionKernel::flash_3), 1e-3, 1e-12);
  EXPECT_NEAR(seconds(AttentionKernel::cudnn), 3e-3, 1e-12);  // of two equally near the slower
}

TEST(AttentionPrice, TakesTheSamplesOfTheSoftwaresKernel) {
  Device d = device();
  const Op op = flash(64, 128, 2048, true);
  const double modelled = op.flop / (100e12 * 0.5);
  EXPECT_DOUBLE_EQ(KernelCost(d, Precision::bf16, 0).price(op).seconds, modelled);
  d.attention_samples = {sample(AttentionKernel::flash_1, false, true, 64, 128, 2048, 3 * modelled),
                         sample(AttentionKernel::flash_2, false, true, 64, 128, 2048, 2 * modelled)};
  EXPECT_DOUBLE_EQ(KernelCost(d, Precision::bf16, 0).price(op).seconds, 2 * modelled);
  const KernelCost old(d, Precision::bf16, 0, 1, AttentionKernel::flash_1);
  EXPECT_DOUBLE_EQ(old.price(op).seconds, 3 * modelled);
}

TEST(AttentionPrice, AnOddWidthLeavesTheTensorCores) {
  const Device d = device();
  const KernelCost kernels(d, Precision::fp16, 0);
  const auto seconds = [&](OpKind kind, int64_t n, int64_t k) {
    return kernels.price({.kind = kind, .m = 2048, .n = n, .k = k, .batch = 512}).seconds;
  };
  EXPECT_NEAR(seconds(OpKind::attention_scores, 2048, 150) / seconds(OpKind::attention_scores, 2048, 152),
              10 * 150.0 / 152, 1e-9);
  EXPECT_GT(seconds(OpKind::attention_context, 150, 2048), 9 * seconds(OpKind::attention_context, 152, 2048));
  // The reach of a sample's keys has nothing to do with it.
  EXPECT_LT(seconds(OpKind::attention_context, 128, 2050),
            1.1 * seconds(OpKind::attention_context, 128, 2048));
}

}  // namespace
}  // namespace paraplan
