#include "costmodel/memory/stage_memory.h"

#include <gtest/gtest.h>

#include "costmodel/cost_model.h"
#include "tests/costmodel/shipped_scenario.h"

namespace paraplan {
namespace {

using enum MemoryCategory;

constexpr double kMiB = 1024.0 * 1024.0;

// Weights and gradients in fp16, three fp32 numbers for the optimizer and an fp32 copy of the gradients while
// it runs; plain numbers elsewhere.
Scenario scenario_of(int64_t devices) {
  Scenario s = shipped_scenario("megatron2023_bert_v100");
  s.cluster = {.nodes = devices / 8, .devices_per_node = 8};
  s.network.nics_per_node.value = 1;
  s.global_batch = 256;
  s.memory_level = MemoryLevel::allocated;
  s.software.state.sharded_optimizer = false;
  s.software.state.gradient.value = 2;
  s.software.state.moments.value = 8;
  s.software.state.master_weight.value = 4;
  s.software.state.gradient_copy.value = 4;
  s.software.memory.fixed_bytes.value = 0;
  s.software.memory.keeps_score_buffer = false;
  return s;
}

Prediction predicted(const Scenario& scenario, const Layout& layout) {
  const PredictionResult result = CostModel(scenario).predict(layout);
  if (const auto* broken = std::get_if<Infeasible>(&result)) throw std::runtime_error(broken->detail);
  return std::get<Prediction>(result);
}

double states(const MemoryUse& use) {
  return use[parameters] + use[gradients] + use[optimizer_states];
}

TEST(StageMemory, MixedPrecisionTakesSixteenBytesPerParameter) {
  // Rajbhandari et al. 2020, section 3.1: 2 + 2 + 12.
  const Prediction p = predicted(scenario_of(8), {.data = 8});
  EXPECT_DOUBLE_EQ(states(p.stages[0].memory), 16 * p.stages[0].parameters);
}

TEST(StageMemory, TheOptimizerStepTakesTwenty) {
  Scenario s = scenario_of(8);
  s.seq_length = 16;  // few activations: the update is the peak
  const Prediction p = predicted(s, {.data = 8});
  EXPECT_DOUBLE_EQ(p.peak_memory_bytes, 20 * p.stages[0].parameters);
  EXPECT_DOUBLE_EQ(p.memory[temporary], 4 * p.stages[0].parameters);
  EXPECT_EQ(p.memory[activations], 0);
}

TEST(StageMemory, ZeroDividesTheStates) {
  // Rajbhandari et al. 2020, figure 1, with psi parameters on 8 ranks.
  const Scenario s = scenario_of(8);
  const auto memory = [&s](int zero_stage) {
    return predicted(s, {.data = 8, .zero_stage = zero_stage}).stages[0].memory;
  };
  const double psi = predicted(s, {.data = 8}).stages[0].parameters;
  EXPECT_DOUBLE_EQ(states(memory(1)), (2 + 2 + 12.0 / 8) * psi);
  EXPECT_DOUBLE_EQ(states(memory(2)), (2 + 2.0 / 8 + 12.0 / 8) * psi);
  EXPECT_DOUBLE_EQ(states(memory(3)), 16.0 / 8 * psi);
}

TEST(StageMemory, ContextRanksShareStatesLikeDataRanks) {
  const Prediction p = predicted(scenario_of(8), {.data = 2, .context = 4, .zero_stage = 1});
  EXPECT_DOUBLE_EQ(p.stages[0].memory[optimizer_states], 12.0 / 8 * p.stages[0].parameters);
}

double peak(const Scenario& s, const Layout& layout) {
  return predicted(s, layout).peak_memory_bytes;
}

TEST(StageMemory, FallsWithTensorParallel) {
  const Scenario s = scenario_of(8);
  for (Recompute recompute : {Recompute::none, Recompute::selective, Recompute::full}) {
    double last = peak(s, {.data = 8, .recompute = recompute});
    for (int64_t tensor : {2, 4, 8}) {
      const double now = peak(s, {.data = 8 / tensor, .tensor = tensor, .recompute = recompute});
      EXPECT_LT(now, last) << "tensor " << tensor;
      // Sequence parallel splits what tensor parallel leaves whole.
      EXPECT_LE(
          peak(s, {.data = 8 / tensor, .tensor = tensor, .recompute = recompute, .sequence_parallel = true}),
          now);
      last = now;
    }
  }
}

TEST(StageMemory, StatesFallWithPipelineStages) {
  const Scenario s = scenario_of(8);
  double last = 1e30;
  for (int64_t pipeline : {1, 2, 4, 8}) {
    double fullest = 0;
    for (const StagePrediction& stage : predicted(s, {.data = 8 / pipeline, .pipeline = pipeline}).stages)
      fullest = std::max(fullest, states(stage.memory));
    EXPECT_LT(fullest, last) << "pipeline " << pipeline;
    last = fullest;
  }
}

TEST(StageMemory, FallsWithRecompute) {
  const Scenario s = scenario_of(8);
  for (int64_t pipeline : {1, 2}) {
    for (int64_t tensor : {1, 4}) {
      const auto with = [&](Recompute recompute, int64_t layers) {
        return peak(s, {.data = 8 / tensor / pipeline,
                        .tensor = tensor,
                        .pipeline = pipeline,
                        .micro_batch = 4,
                        .recompute = recompute,
                        .recompute_layers = layers});
      };
      EXPECT_LT(with(Recompute::selective, 0), with(Recompute::none, 0));
      EXPECT_LT(with(Recompute::full, 0), with(Recompute::selective, 0));
      const int64_t all = 24 / pipeline;
      EXPECT_DOUBLE_EQ(with(Recompute::layers, all), with(Recompute::full, 0));
      for (int64_t layers = 2; layers <= all; ++layers)
        EXPECT_LE(with(Recompute::layers, layers), with(Recompute::layers, layers - 1)) << layers;
    }
  }
}

TEST(StageMemory, ActivationsFollowTheMicroBatchesInFlight) {
  // Four stages of six layers: 1F1B keeps 4, 3, 2 and 1 micro-batches, gpipe all. At the peak the first
  // backward ops have taken a little away.
  const Scenario s = scenario_of(8);
  const auto memory = [&s](PipelineSchedule schedule) {
    return predicted(s, {.data = 2, .pipeline = 4, .micro_batch = 2, .schedule = schedule}).stages;
  };
  const auto one_f_one_b = memory(PipelineSchedule::one_f_one_b), gpipe = memory(PipelineSchedule::gpipe);
  for (size_t r = 0; r < 4; ++r) {
    EXPECT_EQ(one_f_one_b[r].in_flight, 4 - static_cast<int64_t>(r));
    EXPECT_EQ(gpipe[r].in_flight, 64);
    EXPECT_NEAR(
        gpipe[r].memory[activations] / one_f_one_b[r].memory[activations] * static_cast<double>(4 - r), 64,
        0.2);
  }
  EXPECT_NEAR(one_f_one_b[1].memory[activations] / one_f_one_b[2].memory[activations], 3.0 / 2, 0.01);
}

TEST(StageMemory, OffloadMovesTheOptimizerToTheHost) {
  const Scenario s = scenario_of(8);
  const Prediction kept = predicted(s, {.data = 8, .zero_stage = 3});
  const Prediction moved = predicted(s, {.data = 8, .zero_stage = 3, .offload = Offload::optimizer});
  const double psi = kept.stages[0].parameters;
  EXPECT_EQ(kept.host_memory_bytes, 0);
  EXPECT_EQ(moved.stages[0].memory[optimizer_states], 0);
  EXPECT_NEAR(moved.host_memory_bytes, 12 * psi, 1);  // eight ranks of an eighth
  const Prediction all =
      predicted(s, {.data = 8, .zero_stage = 3, .offload = Offload::optimizer_and_parameters});
  EXPECT_EQ(all.stages[0].memory[parameters], 0);
  EXPECT_NEAR(all.host_memory_bytes, 14 * psi, 1);
}

TEST(StageMemory, DoesNotFitWhenTheHostIsFull) {
  Scenario s = scenario_of(8);
  const Layout layout{.data = 8, .zero_stage = 1, .offload = Offload::optimizer};
  const Prediction roomy = predicted(s, layout);
  EXPECT_EQ(roomy.fit, Fit::fits);
  s.hardware.host.memory_bytes.value = 0.99 * roomy.host_memory_bytes;
  EXPECT_EQ(predicted(s, layout).fit, Fit::exceeds);
}

TEST(StageMemory, LevelsAreOrderedAndCategoriesAddUp) {
  std::mt19937_64 random(9);
  Scenario s = scenario_of(16);
  s.software.memory.reserve_factor.value = 1.2;
  for (int i = 0; i < 500; ++i) {
    const Layout layout = random_valid_layout(s, random);
    Prediction at[3];
    for (MemoryLevel level : {MemoryLevel::allocated, MemoryLevel::reserved, MemoryLevel::device}) {
      s.memory_level = level;
      Prediction& p = at[static_cast<int>(level)];
      p = predicted(s, layout);
      EXPECT_NEAR(p.memory.total(), p.peak_memory_bytes, 1e-9 * p.peak_memory_bytes);
      for (double bytes : p.memory.values) EXPECT_GE(bytes, 0);
    }
    EXPECT_LE(at[0].peak_memory_bytes, at[1].peak_memory_bytes);
    EXPECT_LE(at[1].peak_memory_bytes, at[2].peak_memory_bytes);
    // What fits is decided at device level, whatever the level that is compared.
    for (const Prediction& p : at) EXPECT_DOUBLE_EQ(p.device_memory_bytes, at[2].peak_memory_bytes);
    EXPECT_EQ(at[0].fit, at[2].fit);
  }
}

TEST(StageMemory, WhatIsWantedIsNotClipped) {
  Scenario s = scenario_of(8);
  const Layout layout{.data = 8, .micro_batch = 4};
  s.memory_level = MemoryLevel::allocated;
  const double allocated = predicted(s, layout).peak_memory_bytes;
  s.hardware.device.memory_bytes.value = 2 * allocated;
  s.software.memory.reserve_factor.value = 3;
  s.memory_level = MemoryLevel::reserved;
  EXPECT_DOUBLE_EQ(predicted(s, layout).peak_memory_bytes, 3 * allocated);
}

TEST(StageMemory, TightIsWhatFitsOnlyWithoutHeadroomOrTheAllocatorsSlack) {
  Scenario s = scenario_of(8);
  const Layout layout{.data = 8, .micro_batch = 4};
  s.software.memory.reserve_factor.value = 1.2;
  const Prediction p = predicted(s, layout);
  EXPECT_LT(p.least_device_memory_bytes, p.device_memory_bytes);
  const auto fit_on = [&](double bytes) {
    s.hardware.device.memory_bytes.value = bytes;
    return predicted(s, layout).fit;
  };
  s.search.headroom = 0;
  EXPECT_EQ(fit_on(1.001 * p.device_memory_bytes), Fit::fits);
  EXPECT_EQ(fit_on(0.999 * p.device_memory_bytes), Fit::tight);
  s.search.headroom = 0.1;
  EXPECT_EQ(fit_on(1.101 * p.device_memory_bytes), Fit::tight);
  EXPECT_EQ(fit_on(1.112 * p.device_memory_bytes), Fit::fits);
  EXPECT_EQ(fit_on(1.001 * p.least_device_memory_bytes), Fit::tight);
  EXPECT_EQ(fit_on(0.999 * p.least_device_memory_bytes), Fit::exceeds);
}

TEST(StageMemory, CommunicatorsCountOnceEach) {
  Scenario s = scenario_of(8);
  s.memory_level = MemoryLevel::device;
  s.software.memory.context_bytes.value = 1e9;
  s.software.memory.communicator_bytes.value = 1e8;
  const auto framework_bytes = [&s](const Layout& layout) { return predicted(s, layout).memory[framework]; };
  EXPECT_DOUBLE_EQ(framework_bytes({.data = 8}), 1.1e9);
  EXPECT_DOUBLE_EQ(framework_bytes({.data = 2, .tensor = 2, .pipeline = 2}), 1.3e9);
}

TEST(StageMemory, TheHardwaresContextCountsWhereTheSoftwareHasNone) {
  Scenario s = scenario_of(8);
  s.memory_level = MemoryLevel::device;
  s.software.memory.communicator_bytes.value = 0;
  s.hardware.device.context_bytes.value = 6e8;
  s.software.memory.context_bytes.value = 1e9;
  EXPECT_DOUBLE_EQ(predicted(s, {.data = 8}).memory[framework], 1e9);
  s.software.memory.context_bytes.value = 0;
  EXPECT_DOUBLE_EQ(predicted(s, {.data = 8}).memory[framework], 6e8);
  s.hardware.device.context_bytes.value = 0;
  EXPECT_EQ(predicted(s, {.data = 8}).memory[framework], 0);
}

TEST(StageMemory, AgreesWithThePublishedBertPeak) {
  // First row with full recompute of measured/megatron2023_bert_v100.tsv: 1801 MiB.
  const Prediction p =
      predicted(shipped_scenario("megatron2023_bert_v100"),
                {.data = 2, .tensor = 2, .pipeline = 2, .micro_batch = 2, .recompute = Recompute::full});
  EXPECT_NEAR(p.peak_memory_bytes / kMiB, 1801, 0.02 * 1801);
}

}  // namespace
}  // namespace paraplan
