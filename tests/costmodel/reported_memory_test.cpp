#include <gtest/gtest.h>

#include "costmodel/cost_model.h"
#include "costmodel/io/profiles/profiles.h"
#include "costmodel/model/family.h"
#include "tests/costmodel/shipped_scenario.h"

namespace paraplan {
namespace {

// Runs at the edge of memory that people reported in public: whether they ran. What ran out of memory may not
// be called a fit; what ran may be called tight.

constexpr double kGiB = 1024.0 * 1024 * 1024;

ModelSpec llama(int64_t layers, int64_t hidden, int64_t heads, int64_t kv_heads, int64_t ffn, int64_t vocab) {
  return paraplan::model_of({.name = "reported",
                             .family = Family::llama,
                             .layers = layers,
                             .hidden = hidden,
                             .heads = heads,
                             .kv_heads = kv_heads,
                             .ffn = ffn,
                             .vocab = vocab,
                             .tied_embeddings = false});
}

struct Reported {
  ModelSpec model;
  std::string hardware, software;
  int64_t nodes = 1, devices_per_node = 8;
  int64_t seq_length = 0, global_batch = 0;
};

Prediction predicted(const Reported& setup, const Layout& layout) {
  const std::string profiles = PARAPLAN_SOURCE_DIR "/profiles/";
  Scenario scenario = shipped_scenario("llama3_70b_h100");
  scenario.model = setup.model;
  scenario.hardware = load_hardware(profiles + "hardware/" + setup.hardware + ".toml");
  scenario.software = load_software(profiles + "software/" + setup.software + ".toml");
  scenario.cluster = {.nodes = setup.nodes, .devices_per_node = setup.devices_per_node};
  scenario.seq_length = setup.seq_length;
  scenario.global_batch = setup.global_batch;
  scenario.precision = setup.hardware.starts_with("v100") ? Precision::fp16 : Precision::bf16;
  const PredictionResult result = CostModel(scenario).predict(layout);
  if (const auto* broken = std::get_if<Infeasible>(&result)) throw std::runtime_error(broken->detail);
  return std::get<Prediction>(result);
}

TEST(ReportedMemory, SeventyBillionOnTwoNodesFitsWithSeventyLayersOnly) {
  const Layout layout{.data = 1, .tensor = 8, .pipeline = 2, .micro_batch = 1, .zero_stage = 1};
  const auto with = [&](int64_t layers) {
    return predicted({.model = llama(layers, 8192, 64, 8, 28672, 128256),
                      .hardware = "h100_sxm",
                      .software = "megatron_core",
                      .nodes = 2,
                      .seq_length = 16,
                      .global_batch = 16},
                     layout);
  };
  EXPECT_NE(with(80).fit, Fit::fits);
  EXPECT_EQ(with(70).fit, Fit::fits);
}

TEST(ReportedMemory, TheStepOfAnUnfusedAdamWCounts) {
  const Layout layout{.data = 8, .micro_batch = 1, .recompute = Recompute::full, .zero_stage = 2};
  const Prediction p = predicted({.model = llama(32, 4096, 32, 32, 11008, 151936),
                                  .hardware = "a100_sxm_40",
                                  .software = "hf_deepspeed_zero",
                                  .seq_length = 512,
                                  .global_batch = 8},
                                 layout);
  EXPECT_NE(p.fit, Fit::fits);  // ran out of memory
  const double shard = p.stages[0].parameters / 8;
  // fp32 gradients in place of 16-bit ones, the square root, the denominator: 12 bytes for 2.
  EXPECT_NEAR(p.memory[MemoryCategory::temporary], 10 * shard, 1);
}

TEST(ReportedMemory, ZeroThreeUpdatesBySubGroups) {
  const Layout layout{.data = 4, .micro_batch = 1, .recompute = Recompute::full, .zero_stage = 3};
  const Prediction p = predicted({.model = llama(32, 4096, 32, 32, 11008, 32000),
                                  .hardware = "a100_sxm_80",
                                  .software = "hf_deepspeed_zero",
                                  .devices_per_node = 4,
                                  .seq_length = 16,
                                  .global_batch = 4},
                                 layout);
  ASSERT_GT(p.stages[0].parameters / 4, 1e9);
  EXPECT_NEAR(p.memory[MemoryCategory::temporary], 10 * 1e9, 1);
}

TEST(ReportedMemory, SevenBillionOnV100sOfZeroTwoRanOutOfMemoryAndOfZeroThreeRan) {
  const Reported setup{.model = llama(32, 4096, 32, 32, 11008, 32000),
                       .hardware = "v100_sxm2_32",
                       .software = "deepspeed_2021",
                       .seq_length = 1024,
                       .global_batch = 8};
  Layout layout{.data = 8, .micro_batch = 1, .recompute = Recompute::full, .zero_stage = 2};
  EXPECT_NE(predicted(setup, layout).fit, Fit::fits);
  layout.zero_stage = 3;
  EXPECT_NE(predicted(setup, layout).fit, Fit::exceeds);
}

TEST(ReportedMemory, AnEagerLossOfALargeVocabularyIsTight) {
  ModelSpec model = llama(64, 5120, 40, 8, 27648, 152064);
  const Layout layout{.data = 4,
                      .micro_batch = 1,
                      .recompute = Recompute::full,
                      .zero_stage = 3,
                      .offload = Offload::optimizer_and_parameters};
  const auto with = [&](const std::string& software) {
    return predicted({.model = model,
                      .hardware = "a100_sxm_80",
                      .software = software,
                      .devices_per_node = 4,
                      .seq_length = 20000,
                      .global_batch = 4},
                     layout);
  };
  const Prediction p = with("hf_deepspeed_zero");
  EXPECT_EQ(p.fit, Fit::tight);  // ran out of memory with an eager loss, ran with one in chunks
  EXPECT_GT(p.device_memory_bytes, 80 * kGiB);  // the eager one
  EXPECT_LT(p.least_device_memory_bytes, 66 * kGiB);
}

TEST(ReportedMemory, TrainingInSinglePrecisionTakesSixteenBytesPerParameter) {
  for (const char* software : {"megatron_core", "hf_deepspeed_zero", "megatron_lm_2022", "paraplan"}) {
    Scenario scenario = shipped_scenario("llama2_7b_a100_80");
    scenario.software =
        load_software(PARAPLAN_SOURCE_DIR "/profiles/software/" + std::string(software) + ".toml");
    scenario.precision = Precision::fp32;
    const StateSizes sizes = state_sizes(scenario);
    EXPECT_EQ(sizes.gradient, 4) << software;
    EXPECT_EQ(sizes.reduced_gradient, 4) << software;
    EXPECT_EQ(sizes.optimizer, 8) << software;
  }
}

}  // namespace
}  // namespace paraplan
