#include "costmodel/prices/gemm_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <vector>

namespace paraplan {
namespace {

using Sizes = std::array<int64_t, 3>;

GemmSample sample(int64_t m, int64_t n, int64_t k, double seconds) {
  return {
      .precision = Precision::fp16, .m = m, .n = n, .k = k, .batch = 1, .seconds = seconds, .source = "test"};
}

GemmTable::Model constant(double seconds) {
  return [seconds](double, double, double) { return seconds; };
}

// A roofline with a tile's prologue in the reduction and a shortest kernel.
double roofline(double m, double n, double k) {
  const double compute_s = 2 * m * n * (k + 256) / 100e12;
  const double memory_s = 2 * (m * n + n * k + m * k) / 800e9;
  return std::max(compute_s, memory_s) + 5e-6;
}

// The same in whole tiles and waves: a staircase.
double staircase(double m, double n, double k) {
  const double waves = std::ceil(std::ceil(m / 128) * std::ceil(n / 128) / 80);
  return waves * 80 * 2 * 128 * 128 * (k + 256) / 100e12 + 5e-6;
}

double price_s(const GemmTable& table, const Sizes& q) {
  return table.price(q[0], q[1], q[2]).seconds;
}

// Sizes spread evenly over the logarithm, between 1 and `largest`.
Sizes random_sizes(std::mt19937_64& random, double largest) {
  std::uniform_real_distribution<double> exponent(0, std::log(largest));
  Sizes sizes;
  for (int64_t& size : sizes) size = static_cast<int64_t>(std::exp(exponent(random)));
  return sizes;
}

// Samples between 1 and 16384 that scatter by up to 1.5 around the roofline, so that some contradict each
// other.
std::vector<GemmSample> noisy_samples(std::mt19937_64& random) {
  std::uniform_real_distribution<double> factor(1 / 1.5, 1.5);
  std::vector<GemmSample> samples;
  for (int i = 0; i < 60; ++i) {
    const Sizes q = random_sizes(random, 16384);
    const double truth_s =
        roofline(static_cast<double>(q[0]), static_cast<double>(q[1]), static_cast<double>(q[2]));
    samples.push_back(sample(q[0], q[1], q[2], truth_s * factor(random)));
  }
  return samples;
}

TEST(GemmTable, WithoutSamplesIsTheModel) {
  const GemmTable table({}, roofline);
  EXPECT_DOUBLE_EQ(table.price(4096, 1024, 1024).seconds, roofline(4096, 1024, 1024));
  EXPECT_EQ(table.price(4096, 1024, 1024).source, PriceSource::modelled);
}

TEST(GemmTable, GivesBackConsistentSamplesWhateverTheModel) {
  // Each doubling costs between 1 and 2: monotone, and below the largest growth of 2^1.25 = 2.38.
  const std::vector<GemmSample> samples = {sample(512, 1024, 1024, 30e-6), sample(1024, 1024, 1024, 40e-6),
                                           sample(1024, 2048, 1024, 75e-6), sample(1024, 2048, 2048, 150e-6)};
  for (const double model_s : {1e-9, 1.0}) {
    const GemmTable table(samples, constant(model_s));
    for (const GemmSample& s : samples) {
      const GemmTable::Price price = table.price(s.m, s.n, s.k);
      EXPECT_NEAR(price.seconds, s.seconds, 1e-12 * s.seconds);
      EXPECT_EQ(price.source, PriceSource::measured);
    }
  }
}

TEST(GemmTable, OneSampleBoundsEverySize) {
  const std::vector<GemmSample> samples = {sample(1000, 1000, 1000, 1e-3)};
  const GemmTable slow(samples, constant(1.0)), fast(samples, constant(1e-9)),
      close(samples, constant(1.2e-3));
  const double doubled = std::pow(2, 1.25);
  EXPECT_NEAR(slow.price(2000, 1000, 1000).seconds, 1e-3 * doubled, 1e-15);
  EXPECT_NEAR(slow.price(2000, 500, 2000).seconds, 1e-3 * doubled * doubled,
              1e-15);  // the smaller n is no help
  EXPECT_NEAR(slow.price(500, 500, 500).seconds, 1e-3, 1e-15);
  EXPECT_NEAR(fast.price(1000, 500, 1000).seconds, 1e-3 / doubled, 1e-15);
  EXPECT_NEAR(fast.price(4000, 4000, 4000).seconds, 1e-3, 1e-15);
  EXPECT_EQ(close.price(2000, 1000, 1000).seconds, 1.2e-3);  // within the bounds the model decides
}

TEST(GemmTable, InterpolatedMeansConfinedBySamples) {
  // Between equal times the price is certain; beyond a sample by a factor r the bounds are r^1.25 apart.
  const GemmTable table({sample(1000, 1000, 1000, 1e-3), sample(4000, 1000, 1000, 1e-3)}, constant(1.1e-3));
  EXPECT_EQ(table.price(2000, 1000, 1000).source, PriceSource::interpolated);
  EXPECT_NEAR(table.price(2000, 1000, 1000).seconds, 1e-3, 1e-15);
  EXPECT_EQ(table.price(4900, 1000, 1000).source, PriceSource::interpolated);  // 1.225^1.25 = 1.29
  EXPECT_EQ(table.price(5000, 1000, 1000).source, PriceSource::modelled);      // 1.25^1.25 = 1.32
}

TEST(GemmTable, SamplesThatContradictEachOtherMeetInTheMiddle) {
  const GemmTable falling({sample(100, 100, 100, 4), sample(200, 100, 100, 1)}, constant(1));
  EXPECT_NEAR(falling.price(100, 100, 100).seconds, 2, 1e-12);
  EXPECT_NEAR(falling.price(200, 100, 100).seconds, 2, 1e-12);

  // Ten times slower at twice the size: by 10 / 2^1.25 = 4.2 too steep, half of it in logarithm taken at each
  // end.
  const double growth = std::pow(2, 1.25);
  const GemmTable steep({sample(100, 100, 100, 1), sample(200, 100, 100, 10)}, constant(1));
  EXPECT_NEAR(steep.price(100, 100, 100).seconds, std::sqrt(10 / growth), 1e-12);
  EXPECT_NEAR(steep.price(200, 100, 100).seconds, std::sqrt(10 * growth), 1e-12);

  const GemmTable twice({sample(100, 100, 100, 1), sample(100, 100, 100, 4)}, constant(1));
  EXPECT_NEAR(twice.price(100, 100, 100).seconds, 2, 1e-12);
}

TEST(GemmTable, IsMonotoneInEverySize) {
  std::mt19937_64 random(1);
  for (const GemmTable::Model& model : {GemmTable::Model(roofline), GemmTable::Model(staircase)}) {
    for (int set = 0; set < 5; ++set) {
      const GemmTable table(noisy_samples(random), model);
      for (int i = 0; i < 20'000; ++i) {  // up to 1e6: far outside the samples as well
        const Sizes a = random_sizes(random, 1e6), b = random_sizes(random, i % 2 ? 1e6 : 2);
        const Sizes larger = {a[0] + b[0] - 1, a[1] + b[1] - 1, a[2] + b[2] - 1};
        ASSERT_LE(price_s(table, a), price_s(table, larger) * (1 + 1e-12))
            << a[0] << ' ' << a[1] << ' ' << a[2] << " to " << larger[0] << ' ' << larger[1] << ' '
            << larger[2];
      }
    }
  }
}

TEST(GemmTable, IsAsContinuousAsTheModel) {
  std::mt19937_64 random(2);
  const GemmTable table(noisy_samples(random), roofline);
  for (int i = 0; i < 50'000; ++i) {
    const Sizes a = random_sizes(random, 1e6);
    Sizes b = a;
    b[i % 3] += std::max<int64_t>(1, b[i % 3] / 100);
    const double step = static_cast<double>(b[i % 3]) / static_cast<double>(a[i % 3]);
    ASSERT_LE(price_s(table, b), price_s(table, a) * std::pow(step, GemmTable::kGrowth) * (1 + 1e-12));
  }
}

// Skinny products on V100 (fp16, fp32 accumulation, no transposition) as DeepBench published them, in
// TFLOP/s: DeepBench_NV_V100.xlsx. A sample left out is priced from its neighbours, several times closer than
// by a roofline.
TEST(GemmTable, PricesASampleLeftOutFromItsNeighbours) {
  struct Row {
    int64_t width, n;
    double tflop_per_s;
  };
  const std::vector<Row> rows = {
      {1760, 16, 4.95616}, {1760, 32, 9.4403},  {1760, 64, 17.2388}, {1760, 128, 25.5802},
      {2048, 16, 5.83555}, {2048, 32, 11.1848}, {2048, 64, 20.6489}, {2048, 128, 34.6368},
      {2560, 16, 7.48983}, {2560, 32, 14.4631}, {2560, 64, 26.2144}, {2560, 128, 46.6034},
      {4096, 16, 10.5269}, {4096, 32, 20.6489}, {4096, 64, 39.7682}, {4096, 128, 64.104}};
  std::vector<GemmSample> samples;
  for (const Row& row : rows) {
    const double flop = 2.0 * static_cast<double>(row.width * row.width * row.n);
    samples.push_back(sample(row.width, row.n, row.width, flop / (row.tflop_per_s * 1e12)));
  }
  for (const size_t out : {5u, 6u, 9u, 10u}) {  // those with neighbours on every side
    const GemmSample left_out = samples[out];
    std::vector<GemmSample> rest = samples;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(out));
    const Sizes q = {left_out.m, left_out.n, left_out.k};
    const double error = std::abs(std::log(price_s(GemmTable(rest, roofline), q) / left_out.seconds));
    const double model_error = std::abs(std::log(price_s(GemmTable({}, roofline), q) / left_out.seconds));
    EXPECT_LT(error, 0.15) << left_out.m << ' ' << left_out.n;
    EXPECT_LT(error, model_error / 2) << left_out.m << ' ' << left_out.n;
  }
}

}  // namespace
}  // namespace paraplan
