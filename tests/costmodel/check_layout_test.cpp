#include <gtest/gtest.h>

#include "costmodel/cost_model.h"
#include "tests/costmodel/shipped_scenario.h"

namespace paraplan {
namespace {

// 24 layers, 16 heads, 8 devices, sequences of 512, 16 samples per step.
Scenario bert() {
  return shipped_scenario("megatron2023_bert_v100");
}

// The rule that breaks, and the numbers in its text.
void expect_broken(const Scenario& scenario, const Layout& layout, const std::string& rule,
                   const std::string& detail) {
  const std::optional<Infeasible> broken = check_layout(scenario, layout);
  ASSERT_TRUE(broken) << rule;
  EXPECT_EQ(broken->rule, rule);
  EXPECT_EQ(broken->detail, detail);
  const PredictionResult result = CostModel(scenario).predict(layout);
  ASSERT_TRUE(std::holds_alternative<Infeasible>(result));
  EXPECT_EQ(std::get<Infeasible>(result).rule, rule);
}

TEST(CheckLayout, AcceptsWhatTheTableRan) {
  EXPECT_FALSE(check_layout(bert(), {.data = 2, .tensor = 2, .pipeline = 2, .micro_batch = 2}));
  EXPECT_FALSE(check_layout(
      bert(), {.data = 1, .tensor = 8, .pipeline = 1, .micro_batch = 16, .sequence_parallel = true}));
}

TEST(CheckLayout, UsesEveryDevice) {
  expect_broken(bert(), {.data = 2, .tensor = 2},
                "data * tensor * pipeline * context is not the number of devices",
                "the layout has 4 ranks, the cluster 8 devices");
}

TEST(CheckLayout, DividesTheLayerOverTheTensorGroup) {
  Scenario s = bert();
  s.model.kinds[0].attention.heads = s.model.kinds[0].attention.kv_heads = 12;
  expect_broken(s, {.tensor = 8}, "heads not divisible by tensor", "heads 12 is not divisible by tensor 8");
  s = bert();
  s.model.kinds[0].feed_forward.width = 4100;
  expect_broken(s, {.tensor = 8}, "ffn not divisible by tensor", "ffn 4100 is not divisible by tensor 8");
  s = bert();
  s.model.kinds[0].attention.heads = 24;
  s.model.kinds[0].attention.kv_heads = 6;
  expect_broken(s, {.tensor = 8}, "kv_heads and tensor do not divide each other",
                "kv_heads 6 and tensor 8: one must divide the other");
}

TEST(CheckLayout, DividesTheSequence) {
  expect_broken(bert(), {.data = 8, .sequence_parallel = true}, "sequence_parallel needs tensor > 1",
                "sequence_parallel shards over the tensor group; tensor is 1");
  Scenario s = bert();
  s.seq_length = 510;
  expect_broken(s, {.data = 2, .tensor = 4, .sequence_parallel = true},
                "sequence not divisible by tensor * context",
                "seq_length 510 is not divisible by tensor * context 4");
  expect_broken(s, {.data = 2, .context = 4}, "sequence not divisible by context",
                "seq_length 510 is not divisible by context 4");
}

TEST(CheckLayout, DividesTheBatch) {
  expect_broken(bert(), {.data = 8, .micro_batch = 3}, "global_batch not divisible by data * micro_batch",
                "global_batch 16 is not divisible by data * micro_batch 24");
}

TEST(CheckLayout, GivesEveryStageALayer) {
  Scenario s = bert();
  s.model.resize(6);
  expect_broken(s, {.pipeline = 8}, "more pipeline stages than layers",
                "pipeline * virtual_stages is 8, the model has 6 layers");
}

// Products of sizes of 2^40 do not fit in an integer.
TEST(CheckLayout, TakesTheLargestSizesOfTheFormat) {
  const int64_t largest = int64_t{1} << 40;
  Scenario s = bert();
  s.cluster.nodes = largest;
  expect_broken(s, {.data = 8 * largest, .micro_batch = largest},
                "global_batch not divisible by data * micro_batch",
                "global_batch 16 is not divisible by data * micro_batch 9671406556917033397649408");
  expect_broken(bert(), {.pipeline = 8, .virtual_stages = largest, .schedule = PipelineSchedule::interleaved},
                "more pipeline stages than layers",
                "pipeline * virtual_stages is 8796093022208, the model has 24 layers");
}

TEST(CheckLayout, RecomputesNoMoreLayersThanAStageHas) {
  Layout l{.data = 4, .pipeline = 2, .recompute = Recompute::layers, .recompute_layers = 12};
  EXPECT_EQ(check_layout(bert(), l), std::nullopt);
  l.recompute_layers = 13;
  expect_broken(bert(), l, "recompute_layers exceeds the layers of a stage",
                "recompute_layers is 13, a stage has 12 layers");
}

TEST(CheckLayout, InterleavesInWholeRounds) {
  const auto interleaved = PipelineSchedule::interleaved;
  expect_broken(bert(), {.pipeline = 8, .virtual_stages = 2}, "virtual_stages needs the interleaved schedule",
                "virtual_stages 2 with schedule 1f1b");
  expect_broken(bert(), {.pipeline = 8, .schedule = interleaved},
                "virtual_stages needs the interleaved schedule",
                "virtual_stages 1 with schedule interleaved");
  expect_broken(bert(), {.data = 8, .virtual_stages = 2, .schedule = interleaved},
                "virtual_stages needs pipeline > 1", "pipeline is 1");
  expect_broken(bert(), {.pipeline = 8, .virtual_stages = 2, .schedule = interleaved},
                "layers not divisible by pipeline * virtual_stages",
                "layers 24 is not divisible by pipeline * virtual_stages 16");
  expect_broken(bert(), {.pipeline = 8, .virtual_stages = 3, .micro_batch = 4, .schedule = interleaved},
                "micro-batches not divisible by pipeline (interleaved)",
                "number of micro-batches 4 is not divisible by pipeline 8");
}

TEST(CheckLayout, KnowsWhatZeroWorksWith) {
  expect_broken(bert(), {.data = 8, .zero_stage = 4}, "zero_stage must be 0 to 3", "zero_stage is 4");
  expect_broken(bert(), {.data = 4, .pipeline = 2, .zero_stage = 2},
                "zero_stage 2 and 3 do not work with pipeline > 1",
                "zero_stage 2 with pipeline 2: gradients are needed whole between micro-batches");
  expect_broken(bert(), {.data = 8, .zero_stage = 1, .offload = Offload::optimizer_and_parameters},
                "offload of parameters needs zero_stage 3", "zero_stage is 1");
}

TEST(CheckLayout, OffloadsOnlyWhereTheHostIsKnown) {
  Scenario s = bert();
  s.hardware.host.adam_parameters_per_s.value = 0;
  expect_broken(
      s, {.data = 8, .offload = Offload::optimizer}, "offload needs rates of the host",
      "hardware \"v100_sxm2_16\" does not give all of host.device_link_GBps, host.node_link_GBps and "
      "host.adam_parameters_per_s");
}

TEST(CheckLayout, RecomputesANumberOfLayersOrNone) {
  expect_broken(bert(), {.data = 8, .recompute = Recompute::layers},
                "recompute = layers needs recompute_layers > 0", "recompute layers with recompute_layers 0");
  expect_broken(bert(), {.data = 8, .recompute = Recompute::full, .recompute_layers = 3},
                "recompute = layers needs recompute_layers > 0", "recompute full with recompute_layers 3");
}

TEST(CheckLayout, RefusesSizesThatAreNotPositive) {
  // Products that come out right all the same.
  EXPECT_TRUE(check_layout(bert(), {.data = -2, .tensor = -4}));
  EXPECT_TRUE(check_layout(bert(), {.data = -2, .pipeline = -4}));
  EXPECT_TRUE(check_layout(bert(), {.pipeline = -2, .context = -4}));
  EXPECT_TRUE(check_layout(bert(), {.data = 8, .micro_batch = 0}));
  EXPECT_TRUE(check_layout(bert(), {.data = 8, .virtual_stages = 0}));
}

}  // namespace
}  // namespace paraplan
