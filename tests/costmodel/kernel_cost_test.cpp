#include "costmodel/prices/kernel_cost.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace paraplan {
namespace {

constexpr double kPeak = 100e12, kBandwidth = 1e12;

Constant constant(double value, Provenance provenance = Provenance::datasheet) {
  return {.value = value, .provenance = provenance, .source = "test", .standard_error = 0};
}

Device device() {
  Device d;
  d.memory_bytes_per_s = constant(kBandwidth);
  d.memory_efficiency = constant(0.8);
  d.peak_fp16_flop_per_s = constant(kPeak);
  d.peak_bf16_flop_per_s = constant(kPeak);
  d.peak_fp32_flop_per_s = constant(kPeak / 8);
  d.gemm_efficiency = constant(0.9);
  d.sustained_rate = constant(1);
  d.gemm_depth_overhead = constant(256);
  d.batched_gemm_efficiency = constant(0.6);
  d.flash_forward_efficiency = constant(0.5);
  d.flash_backward_efficiency = constant(0.4);
  d.processors = constant(80);
  d.tile_rows = constant(256);
  d.tile_columns = constant(128);
  d.random_numbers_per_s = constant(0);
  d.kernel_floor_s = constant(2e-6);
  d.overlap_slowdown = constant(1);
  d.clock_hz = constant(1.5e9);
  return d;
}

Op gemm(int64_t m, int64_t n, int64_t k, double batch = 1) {
  return {
      .kind = batch > 1 ? OpKind::attention_scores : OpKind::gemm, .m = m, .n = n, .k = k, .batch = batch};
}

double price_s(const Device& d, const Op& op, double clock_hz = 0) {
  return KernelCost(d, Precision::fp16, clock_hz).price(op).seconds;
}

int64_t random_size(std::mt19937_64& random) {
  return std::llround(std::exp2(14 * static_cast<double>(random() >> 11) * 0x1p-53));
}

TEST(GemmPrice, GrowsWithEverySize) {
  const Device d = device();
  const KernelCost kernels(d, Precision::fp16, 0);
  std::mt19937_64 random(7);
  for (int i = 0; i < 20000; ++i) {
    Op small = gemm(random_size(random), random_size(random), random_size(random));
    if (i % 2 == 0)
      small.kind = i % 4 == 0 ? OpKind::attention_scores : OpKind::attention_context,
      small.batch = static_cast<double>(1 + random() % 64);
    Op large = small;
    // By a little, to cross the edges of tiles and waves, or by much.
    int64_t& size = i % 3 == 0 ? large.m : i % 3 == 1 ? large.n : large.k;
    size += i % 5 == 0 ? random_size(random) : 1 + random_size(random) % 8;
    // Heads of one alignment: another leaves the tensor cores.
    for (Op* op : {&small, &large})
      if (op->kind != OpKind::gemm) op->n = (op->n + 7) / 8 * 8, op->k = (op->k + 7) / 8 * 8;
    EXPECT_LE(kernels.price(small).seconds, kernels.price(large).seconds * (1 + 1e-12))
        << small.m << " x " << small.n << " x " << small.k;
  }
}

TEST(GemmPrice, IsNeverBelowTheRoofline) {
  const Device d = device();
  const KernelCost kernels(d, Precision::fp16, 0);
  std::mt19937_64 random(8);
  for (int i = 0; i < 20000; ++i) {
    Op op = gemm(random_size(random), random_size(random), random_size(random));
    if (i % 2 == 0)
      op.kind = i % 4 == 0 ? OpKind::attention_scores : OpKind::attention_context,
      op.batch = static_cast<double>(1 + random() % 64);
    const auto m = static_cast<double>(op.m), n = static_cast<double>(op.n), k = static_cast<double>(op.k);
    const double seconds = kernels.price(op).seconds;
    EXPECT_GE(seconds, 2 * m * n * k * op.batch / kPeak);
    EXPECT_GE(seconds, 2 * (m * n + n * k + m * k) * op.batch / kBandwidth);
    EXPECT_GE(seconds, 2e-6);
  }
}

TEST(GemmPrice, OfAFullWaveIsThePeak) {
  // 8 x 10 tiles of 256 x 128 on 80 processors; every tile pays 256 elements of the reduction.
  const double k = 8192, flop = 2 * 2048 * 1280 * k;
  EXPECT_DOUBLE_EQ(price_s(device(), gemm(2048, 1280, 8192)), flop / (0.9 * kPeak) * (k + 256) / k);
}

TEST(GemmPrice, JumpsWithTheWave) {
  const Device d = device();
  const double full = price_s(d, gemm(2048, 1280, 8192)), over = price_s(d, gemm(2048, 1281, 8192));
  EXPECT_GT(over / full, 1.2);  // 0.1 % more work starts a second wave
  EXPECT_LT(over / full, 2);
  EXPECT_NEAR(price_s(d, gemm(2048, 1300, 8192)) / over, 1, 0.005);  // and then has room
}

TEST(GemmPrice, SplitsALongReduction) {
  // One tile keeps one of 80 processors busy; split sixteen ways it takes about a sixteenth.
  const double one = 2.0 * 256 * 128 * (65536 + 256) / (0.9 * kPeak / 80);
  EXPECT_LT(price_s(device(), gemm(256, 128, 65536)), one / 10);
}

TEST(GemmPrice, OfAThinProductIsItsTraffic) {
  const double n = 16384, k = 16384;
  EXPECT_NEAR(price_s(device(), gemm(1, 16384, 16384)), 2 * (n + n * k + k) / (0.8 * kBandwidth), 1e-9);
}

TEST(KernelPrice, ScalesWithTheClockWhereItComputes) {
  const Device d = device();
  const Op compute = gemm(4096, 4096, 4096), traffic = gemm(1, 16384, 16384);
  EXPECT_DOUBLE_EQ(price_s(d, compute, 0.75e9), 2 * price_s(d, compute));
  EXPECT_DOUBLE_EQ(price_s(d, compute, 1.5e9), price_s(d, compute));
  EXPECT_DOUBLE_EQ(price_s(d, traffic, 3e9), price_s(d, traffic));
  const Op add{.kind = OpKind::add, .bytes = 1e9};
  EXPECT_DOUBLE_EQ(price_s(d, add, 0.75e9), price_s(d, add));
}

TEST(KernelPrice, DependsOnThePrecision) {
  const Device d = device();
  const double half = price_s(d, gemm(4096, 4096, 4096));
  EXPECT_DOUBLE_EQ(KernelCost(d, Precision::fp32, 0).price(gemm(4096, 4096, 4096)).seconds, 8 * half);
}

TEST(KernelPrice, SustainedRateSlowsProductsDown) {
  Device d = device();
  const double burst = price_s(d, gemm(4096, 4096, 4096));
  d.sustained_rate = constant(0.8);
  EXPECT_DOUBLE_EQ(price_s(d, gemm(4096, 4096, 4096)), burst / 0.8);
}

TEST(KernelPrice, OfMemoryBoundWorkByHand) {
  Device d = device();
  Op op{.kind = OpKind::dropout, .bytes = 8e9, .random_numbers = 1e9};
  EXPECT_DOUBLE_EQ(price_s(d, op), 8e9 / (0.8 * kBandwidth));
  d.random_numbers_per_s = constant(1e11);
  EXPECT_DOUBLE_EQ(price_s(d, op), 0.01 + 0.01);
  op = {.kind = OpKind::cross_entropy, .bytes = 10, .launches = 16};
  EXPECT_DOUBLE_EQ(price_s(d, op), 16 * 2e-6);  // sixteen kernels, each the shortest there is
}

TEST(KernelPrice, OfFlashAttentionIsTheSlowerOfFlopAndBytes) {
  const Device d = device();
  Op op{.kind = OpKind::flash_attention, .flop = 1e12, .bytes = 1e6};
  EXPECT_DOUBLE_EQ(price_s(d, op), 1e12 / (0.5 * kPeak));
  op.derivative = Derivative::data;
  EXPECT_DOUBLE_EQ(price_s(d, op), 1e12 / (0.4 * kPeak));
  op.bytes = 1e12;
  EXPECT_DOUBLE_EQ(price_s(d, op), 1e12 / (0.8 * kBandwidth));
}

TEST(PriceOrigin, IsTheLastOfItsConstants) {
  Device d = device();
  const auto origin = [&d](const Op& op) { return KernelCost(d, Precision::fp16, 0).price(op).origin; };
  EXPECT_EQ(origin(gemm(512, 512, 512)), PriceOrigin::datasheet);
  d.gemm_efficiency = constant(0.9, Provenance::measured);
  EXPECT_EQ(origin(gemm(512, 512, 512)), PriceOrigin::fitted);  // to the vendor's peak
  d.gemm_depth_overhead = constant(256, Provenance::fitted);
  EXPECT_EQ(origin(gemm(512, 512, 512)), PriceOrigin::fitted);
  d.gemm_depth_overhead = constant(256, Provenance::tuned);
  EXPECT_EQ(origin(gemm(512, 512, 512)), PriceOrigin::tuned);
  d.gemm_efficiency = constant(0.9, Provenance::assumed);
  EXPECT_EQ(origin(gemm(512, 512, 512)), PriceOrigin::assumed);
  EXPECT_EQ(origin(gemm(64, 64, 64, 32)), PriceOrigin::datasheet);
  d.batched_gemm_efficiency = constant(0.6, Provenance::inferred);
  EXPECT_EQ(origin(gemm(64, 64, 64, 32)), PriceOrigin::fitted);
  d.memory_efficiency = constant(0.8, Provenance::measured);
  EXPECT_EQ(origin({.kind = OpKind::norm, .bytes = 1e9}), PriceOrigin::fitted);
  EXPECT_EQ(origin({.kind = OpKind::norm, .bytes = 1, .launches = 1}), PriceOrigin::datasheet);  // the floor
  const Op dropout{.kind = OpKind::dropout, .bytes = 1e9, .random_numbers = 1e9};
  EXPECT_EQ(origin(dropout), PriceOrigin::fitted);  // no rate: drawing is free
  d.random_numbers_per_s = constant(1e11, Provenance::tuned);
  EXPECT_EQ(origin(dropout), PriceOrigin::tuned);
}

TEST(PriceOrigin, TellsSamplesFromTheModel) {
  Device d = device();
  d.gemm_samples = {{Precision::fp16, 1024, 1024, 1024, 1, 50e-6, "test"}};
  const KernelCost kernels(d, Precision::fp16, 0);
  const Price at = kernels.price(gemm(1024, 1024, 1024));
  EXPECT_NEAR(at.seconds, 50e-6, 1e-12);
  EXPECT_EQ(at.origin, PriceOrigin::measured);
  EXPECT_EQ(kernels.price(gemm(1100, 1024, 1024)).origin, PriceOrigin::interpolated);
  EXPECT_EQ(kernels.price(gemm(8192, 8192, 64)).origin, PriceOrigin::datasheet);
  // A sample of another precision says nothing.
  EXPECT_EQ(KernelCost(d, Precision::bf16, 0).price(gemm(1024, 1024, 1024)).origin, PriceOrigin::datasheet);
}

}  // namespace
}  // namespace paraplan
