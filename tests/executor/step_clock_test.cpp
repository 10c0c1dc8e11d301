#include "executor/run/step_clock.h"

#include <gtest/gtest.h>

#include "training.h"

namespace paraplan {
namespace {

// Everything is booked once: gathers and reductions inside passes are not the host's as well.
TEST(StepClock, BooksEveryPartOfAStepOnce) {
  for (int zero_stage = 0; zero_stage <= 3; ++zero_stage) {
    Scenario scenario = small_scenario(Family::gpt, 0.1);
    scenario.precision = Precision::fp32;
    const Trained trained = train_on_threads(job_of(scenario, {.data = 2, .zero_stage = zero_stage}, 1));
    for (const RankReport& rank : trained.ranks) {
      const Breakdown& parts = rank.record.breakdown;
      EXPECT_GE(parts[TimeCategory::other], 0) << "ZeRO " << zero_stage;
      double ops = 0, booked = 0;
      for (const OpTime& op : rank.ops) ops += op.seconds;
      for (int i = 0; i < kTimeCategories; ++i) booked += parts.values[static_cast<size_t>(i)];
      booked -= parts[TimeCategory::host] + parts[TimeCategory::other];
      // With one step, medians are the values themselves; `other` holds the scalar reduction as an op too.
      EXPECT_LE(booked, ops * (1 + 1e-9)) << "ZeRO " << zero_stage;
      EXPECT_EQ(parts[TimeCategory::parameter_gather] > 0, zero_stage == 3);
    }
  }
}

TEST(StepClock, SeparatesWorkInPassesFromTheHost) {
  StepClock clock(0);
  clock.begin_step();
  // A pass of 3 s: 1 s in an op, 1.5 s in a gather; the rest is the host's.
  Op gather{.kind = OpKind::all_gather, .name = "ffn.up"};
  gather.group = CommGroup::data;
  clock.add({BlockName::layer, Walk::forward, 0}, {.kind = OpKind::gemm, .name = "ffn.up"}, 1.0);
  clock.add({BlockName::layer, Walk::gather, 0}, gather, 1.5);
  clock.add_pass("forward", 10, 13, 0, 0);
  clock.end_step();
  const Breakdown parts = clock.median_breakdown();
  EXPECT_DOUBLE_EQ(parts[TimeCategory::gemm], 1.0);
  EXPECT_DOUBLE_EQ(parts[TimeCategory::parameter_gather], 1.5);
  EXPECT_DOUBLE_EQ(parts[TimeCategory::host], 0.5);
}

}  // namespace
}  // namespace paraplan
