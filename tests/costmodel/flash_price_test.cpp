#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <queue>
#include <vector>

#include "costmodel/prices/kernel_cost.h"

namespace paraplan {
namespace {

constexpr int64_t kProcessors = 132, kWidth = 128;
constexpr double kDepth = 400;

Device device(const std::vector<OpSample>& samples) {
  Device d;
  d.memory_bytes_per_s.value = 4e12;
  d.peak_bf16_flop_per_s.value = 1e15;
  d.memory_efficiency.value = d.gemm_efficiency.value = d.batched_gemm_efficiency.value = 1;
  d.flash_forward_efficiency.value = 0.5;
  d.flash_backward_efficiency.value = 0.25;
  d.sustained_rate.value = 1;
  d.processors.value = kProcessors;
  d.tile_rows.value = d.tile_columns.value = 128;
  d.gemm_depth_overhead.value = kDepth;
  d.op_samples = samples;
  return d;
}

OpSample flash_sample(int64_t tokens, double batch, double seconds, bool causal = true) {
  return {.precision = Precision::bf16,
          .kind = OpKind::flash_attention,
          .m = tokens,
          .n = tokens,
          .k = kWidth,
          .batch = batch,
          .bytes = 1000,
          .causal = causal,
          .seconds = seconds};
}

Op flash_op(int64_t tokens, double batch, bool causal = true) {
  Op op{.kind = OpKind::flash_attention, .m = tokens, .n = tokens, .k = kWidth, .batch = batch};
  op.flop = 1e12, op.bytes = 1000;
  op.causal = causal;
  return op;
}

// A device with given samples, and its prices.
class Flash {
 public:
  explicit Flash(const std::vector<OpSample>& samples) : device_(device(samples)) {}
  double price_s(const Op& op) const { return kernels_.price(op).seconds; }
  bool measured(const Op& op) const { return kernels_.price(op).origin == PriceOrigin::measured; }

 private:
  Device device_;
  KernelCost kernels_{device_, Precision::bf16, 0};
};

TEST(FlashPrice, OfASampleIsItsTime) {
  OpSample grouped = flash_sample(1024, 16, 7e-4);  // fewer key-value heads: fewer bytes
  grouped.bytes = 500;
  const Flash flash({flash_sample(1024, 16, 1e-3), flash_sample(2048, 16, 3e-3), grouped});
  EXPECT_EQ(flash.price_s(flash_op(1024, 16)), 1e-3);
  EXPECT_EQ(flash.price_s(flash_op(2048, 16)), 3e-3);
  EXPECT_TRUE(flash.measured(flash_op(1024, 16)));
  Op op = flash_op(1024, 16);
  op.bytes = 500;
  EXPECT_EQ(flash.price_s(op), 7e-4);
  op.bytes = 750;  // between the two, whatever its bytes
  EXPECT_NEAR(flash.price_s(op), std::sqrt(1e-3 * 7e-4), 1e-12);
  EXPECT_FALSE(flash.measured(op));
}

TEST(FlashPrice, SaysNothingOfOtherWidthsMasksDirectionsOrDropout) {
  const Flash flash({flash_sample(1024, 16, 1)});
  Op width = flash_op(1024, 16), backward = width, mask = width, dropout = width;
  width.k = 64;
  backward.derivative = Derivative::data;
  mask.causal = false;
  dropout.random_numbers = 1;
  // 1e12 FLOPs at 1e15 FLOP/s times the efficiency of the direction.
  EXPECT_DOUBLE_EQ(flash.price_s(width), 2e-3);
  EXPECT_DOUBLE_EQ(flash.price_s(backward), 4e-3);
  EXPECT_DOUBLE_EQ(flash.price_s(mask), 2e-3);
  EXPECT_DOUBLE_EQ(flash.price_s(dropout), 2e-3);
}

TEST(FlashPrice, FollowsTheWorkOfFullProcessors) {
  // 64 heads of 4096 tokens are 2048 blocks, far more than processors. A block passes through 4096 keys, or
  // 2048 on average under the mask, and 400 more for its ends.
  const Flash flash({flash_sample(4096, 64, 1e-3, false), flash_sample(4096, 64, 1e-3, true)});
  EXPECT_NEAR(flash.price_s(flash_op(4096, 96, false)), 1.5e-3, 1e-12);
  EXPECT_NEAR(flash.price_s(flash_op(8192, 64, false)), 2e-3 * (8192 + kDepth) / (4096 + kDepth), 1e-12);
  EXPECT_NEAR(flash.price_s(flash_op(8192, 64, true)), 2e-3 * (4096 + kDepth) / (2048 + kDepth), 1e-12);
}

TEST(FlashPrice, OfFewBlocksIsThatOfOne) {
  // 4 heads of 1024 tokens are 32 blocks: more heads find idle processors until there are 132.
  const Flash flash({flash_sample(1024, 4, 1e-4, false)});
  EXPECT_NEAR(flash.price_s(flash_op(1024, 16, false)), 1e-4, 1e-15);
  EXPECT_NEAR(flash.price_s(flash_op(1024, 33, false)), 2e-4, 1e-15);
}

// Seconds of a kernel whose blocks of 128 queries run one after the other on the next free processor: a
// launch, and per block its keys and `depth` more.
double scheduled_s(int64_t tokens, int64_t batch, bool causal, double depth) {
  constexpr double kLaunch = 3e-6, kPerKey = 4e-8;
  std::priority_queue<double, std::vector<double>, std::greater<>> free_at;
  for (int64_t p = 0; p < kProcessors; ++p) free_at.push(0);
  double end = 0;
  for (int64_t last = tokens; last > 0; last -= 128) {
    for (int64_t b = 0; b < batch; ++b) {
      const double done = free_at.top() + depth + static_cast<double>(causal ? last : tokens);
      free_at.pop();
      free_at.push(done);
      end = std::max(end, done);
    }
  }
  return kLaunch + kPerKey * end;
}

TEST(FlashPrice, IsNearBetweenSamplesThatDoubleTokensAndBatch) {
  // A device whose blocks cost less or more beside their keys than the formula says.
  for (const double depth : {100.0, 800.0}) {
    for (const bool causal : {false, true}) {
      std::vector<OpSample> samples;
      for (int64_t tokens = 1024; tokens <= 8192; tokens *= 2) {
        for (int64_t batch = 16; batch <= 128; batch *= 2)
          samples.push_back(flash_sample(tokens, static_cast<double>(batch),
                                         scheduled_s(tokens, batch, causal, depth), causal));
      }
      const Flash flash(samples);
      std::vector<double> errors;
      for (int64_t tokens = 1024; tokens <= 8192; tokens += 512) {
        for (int64_t batch = 16; batch <= 128; batch += 8) {
          const double price = flash.price_s(flash_op(tokens, static_cast<double>(batch), causal));
          errors.push_back(std::abs(price / scheduled_s(tokens, batch, causal, depth) - 1));
        }
      }
      std::ranges::sort(errors);
      EXPECT_LT(errors[errors.size() / 2], 0.015) << depth << " " << causal;
      // The rest are sizes with one wave of blocks more than their neighbours.
      EXPECT_LT(errors[errors.size() * 9 / 10], 0.07) << depth << " " << causal;
    }
  }
}

TEST(FlashPrice, GrowsWithoutSteps) {
  std::vector<OpSample> samples;
  for (int64_t tokens = 512; tokens <= 4096; tokens *= 2) {
    for (int64_t batch = 8; batch <= 64; batch *= 2)
      samples.push_back(
          flash_sample(tokens, static_cast<double>(batch), scheduled_s(tokens, batch, true, kDepth)));
  }
  const Flash flash(samples);
  for (const double batch : {1.0, 8.0, 13.0, 32.0, 500.0}) {
    double last = flash.price_s(flash_op(100, batch));
    for (int64_t tokens = 101; tokens <= 20000; tokens += 1 + tokens / 500) {
      const double now = flash.price_s(flash_op(tokens, batch));
      // Where few blocks run, prices between samples may give back a little of what they rose.
      EXPECT_GT(now, 0.999 * last) << tokens << " x " << batch;
      EXPECT_LT(now, 1.06 * last) << tokens << " x " << batch;
      last = now;
    }
  }
}

}  // namespace
}  // namespace paraplan
