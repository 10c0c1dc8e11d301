#include "costmodel/memory/memory_replay.h"

#include <gtest/gtest.h>

#include "costmodel/io/profiles/profiles.h"
#include "costmodel/memory/pass_memory.h"
#include "costmodel/model/layout_rules.h"
#include "tests/costmodel/shipped_scenario.h"

namespace paraplan {
namespace {

using enum MemoryCategory;

// What folds and moments find is what a walk through all births and deaths finds, category by category.
class FoldedPeak : public testing::TestWithParam<const char*> {};

TEST_P(FoldedPeak, IsThatOfTheReplay) {
  std::mt19937_64 random(21);
  int64_t compared = 0;
  for (const char* name : {"megatron2023_bert_v100", "llama3_70b_h100", "gpt3_175b_a100"}) {
    Scenario s = shipped_scenario(name);
    s.software = load_software(PARAPLAN_SOURCE_DIR "/profiles/software/" + std::string(GetParam()) + ".toml");
    s.cluster = {.nodes = 4, .devices_per_node = 8};
    s.hardware.device.flash_forward_efficiency.value = s.hardware.device.flash_backward_efficiency.value =
        0.5;
    s.seq_length = 512;
    MomentsMemo memo;
    for (int i = 0; i < 60; ++i) {
      s.global_batch = 32 * (1 + random_below(random, 8));
      s.model.resize(8 + random_below(random, 20));
      const Layout layout = random_valid_layout(s, random);
      StepPlanner planner(s);
      const StepPlan plan = planner.plan(layout);
      PassMemory memory(plan, s.software, memo);
      for (int64_t stage = 0; stage < layout.pipeline; ++stage, ++compared) {
        const MemoryUse replayed = replayed_peak(s, layout, plan.split, stage, plan.micro_batches);
        ASSERT_EQ(memory.peak(stage), replayed)
            << "stage " << stage << " of " << to_string(layout) << ", " << plan.micro_batches
            << " micro-batches: " << memory.peak(stage).total() << " for " << replayed.total();
      }
    }
  }
  EXPECT_GT(compared, 500);
}

INSTANTIATE_TEST_SUITE_P(Profiles, FoldedPeak,
                         testing::Values("paraplan", "paraplan_cuda", "megatron_core", "megatron_lm_2021",
                                         "megatron_lm_2022", "megatron_lm_2023", "deepspeed_2021",
                                         "deepspeed_pipeline", "hf_deepspeed_zero", "libai_0_2",
                                         "pytorch_1_7_a64fx"),
                         [](const auto& profile) { return std::string(profile.param); });

TEST(ChunkMemory, ABackwardPassTakesAwayWhatTheForwardPassLeft) {
  for (const char* name :
       {"megatron2023_gpt2_v100", "gpt_medium_cpu", "hf_internlm_7b_a100", "megatron_llama2_70b_a100"}) {
    const Scenario s = shipped_scenario(name);
    StepPlanner planner(s);
    std::mt19937_64 random(22);
    for (int i = 0; i < 50; ++i) {
      const Layout layout = random_valid_layout(s, random);
      const StepPlan plan = planner.plan(layout);
      for (const Chunk& chunk : plan.split.chunks) {
        const ChunkMemory memory =
            chunk_memory(plan.model, chunk, s.software, splits_backward(layout.schedule));
        MemoryUse left = memory.forward.delta;
        left += memory.backward.delta;
        left += memory.weight.delta;
        EXPECT_EQ(left, MemoryUse{}) << name << ' ' << to_string(layout);
        for (double bytes : memory.kept().values) EXPECT_GE(bytes, 0);
      }
    }
  }
}

}  // namespace
}  // namespace paraplan
