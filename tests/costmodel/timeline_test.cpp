#include "costmodel/time/timeline.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "costmodel/cost_model.h"
#include "tests/costmodel/shipped_scenario.h"

namespace paraplan {
namespace {

Scenario scenario_at_allocated(const char* name) {
  Scenario scenario = shipped_scenario(name);
  scenario.global_batch = std::min<int64_t>(scenario.global_batch, 256);
  scenario.memory_level = MemoryLevel::allocated;
  return scenario;
}

class TimelineOf : public testing::TestWithParam<const char*> {};

TEST_P(TimelineOf, ComputeEventsOfAStageFollowEachOther) {
  const Scenario scenario = scenario_at_allocated(GetParam());
  CostModel model(scenario);
  std::mt19937_64 random(14);
  for (int i = 0; i < 60; ++i) {
    const Layout layout = random_valid_layout(scenario, random);
    Timeline timeline = model.timeline(layout);
    const double end_s = std::get<Prediction>(model.predict(layout)).iteration_time_s, slack = 1e-9 * end_s;
    EXPECT_DOUBLE_EQ(timeline.end_s, end_s);
    std::stable_sort(timeline.events.begin(), timeline.events.end(),
                     [](const auto& a, const auto& b) { return a.start_s < b.start_s; });
    std::map<int64_t, double> free_at;
    double last_end = 0;
    for (const TimelineEvent& event : timeline.events) {
      EXPECT_LE(event.start_s, event.end_s);
      last_end = std::max(last_end, event.end_s);
      if (event.lane != Lane::compute) continue;
      EXPECT_GE(event.start_s, free_at[event.stage] - slack) << event.name << " of " << to_string(layout);
      free_at[event.stage] = event.end_s;
    }
    EXPECT_NEAR(last_end, end_s, slack);
  }
}

TEST_P(TimelineOf, HoldsEveryPassOnce) {
  const Scenario scenario = scenario_at_allocated(GetParam());
  CostModel model(scenario);
  std::mt19937_64 random(15);
  for (int i = 0; i < 20; ++i) {
    const Layout layout = random_valid_layout(scenario, random);
    const Timeline timeline = model.timeline(layout);
    const int64_t passes =
        layout.pipeline * layout.virtual_stages * scenario.global_batch / (layout.micro_batch * layout.data);
    for (const char* name : {"forward", "backward"})
      EXPECT_EQ(std::count_if(timeline.events.begin(), timeline.events.end(),
                              [&](const TimelineEvent& e) { return e.name == name; }),
                passes);
  }
}

// Whether the predicted peak is that of the backward pass, not of the optimizer step.
bool peaks_in_backward(const StagePrediction& stage) {
  return stage.memory[MemoryCategory::activations] > 0;
}

TEST_P(TimelineOf, MemoryPeaksWherePredicted) {
  const Scenario scenario = scenario_at_allocated(GetParam());
  CostModel model(scenario);
  std::mt19937_64 random(16);
  for (int i = 0; i < 60; ++i) {
    const Layout layout = random_valid_layout(scenario, random);
    const Prediction p = std::get<Prediction>(model.predict(layout));
    std::map<int64_t, double> peak;
    for (const MemorySample& sample : model.timeline(layout).memory)
      peak[sample.stage] = std::max(peak[sample.stage], sample.bytes);
    for (int64_t s = 0; s < layout.pipeline; ++s) {
      const StagePrediction& stage = p.stages[static_cast<size_t>(s)];
      if (!peaks_in_backward(stage)) continue;
      EXPECT_NEAR(peak[s] / stage.memory.total(), 1, 1e-9) << "stage " << s << " of " << to_string(layout);
    }
  }
}

TEST_P(TimelineOf, MemoryIsBackAtRestInTheEnd) {
  const Scenario scenario = scenario_at_allocated(GetParam());
  CostModel model(scenario);
  std::mt19937_64 random(17);
  for (int i = 0; i < 20; ++i) {
    const Layout layout = random_valid_layout(scenario, random);
    std::map<int64_t, double> first, last;
    for (const MemorySample& sample : model.timeline(layout).memory) {
      first.emplace(sample.stage, sample.bytes);
      last[sample.stage] = sample.bytes;
    }
    for (const auto& [stage, bytes] : first) EXPECT_NEAR(last[stage] / bytes, 1, 1e-9);
  }
}

INSTANTIATE_TEST_SUITE_P(Shipped, TimelineOf,
                         testing::Values("megatron2023_bert_v100", "libai_gpt2_v100", "llama3_70b_h100",
                                         "hf_qwen_14b_a100"),
                         [](const auto& scenario) { return std::string(scenario.param); });

}  // namespace
}  // namespace paraplan
