// Profiles of frameworks beside what their own code allocates: whole steps of it, traced on tensors without
// storage (torch 2.15 with transformers 5.24; megatron-core 0.16.1), peak of allocated bytes.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "costmodel/cost_model.h"
#include "costmodel/io/model_file.h"
#include "costmodel/io/profiles/profiles.h"
#include "tests/costmodel/shipped_scenario.h"

namespace paraplan {
namespace {

constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;

struct TracedStep {
  const char* software;
  const char* model;
  int64_t seq_length;
  Layout layout;
  int64_t micro_batches;
  int64_t stage;
  double gib;
};

double predicted_gib(const TracedStep& step) {
  const std::string root = PARAPLAN_SOURCE_DIR;
  Scenario s = shipped_scenario("llama2_7b_h200");
  s.model = load_model(root + "/scenarios/models/" + step.model + ".toml");
  s.software = load_software(root + "/profiles/software/" + step.software + ".toml");
  s.cluster = {.nodes = std::max<int64_t>(1, step.layout.devices() / 8),
               .devices_per_node = std::min<int64_t>(8, step.layout.devices())};
  s.seq_length = step.seq_length;
  s.global_batch = step.layout.data * step.layout.micro_batch * step.micro_batches;
  s.precision = Precision::bf16;
  s.memory_level = MemoryLevel::allocated;
  const PredictionResult result = CostModel(s).predict(step.layout);
  if (const auto* broken = std::get_if<Infeasible>(&result)) throw std::runtime_error(broken->detail);
  return std::get<Prediction>(result).stages[static_cast<size_t>(step.stage)].memory.total() / kGiB;
}

TEST(TracedMemory, OfFsdp2WithHuggingFaceModels) {
  const auto full = Recompute::full;
  const TracedStep steps[] = {
      {"hf_fsdp2", "llama2_7b", 4096, {.data = 8, .recompute = full, .zero_stage = 3}, 1, 0, 15.720},
      {"hf_fsdp2", "llama2_13b", 4096, {.data = 16, .zero_stage = 3}, 1, 0, 47.619},
      {"hf_fsdp2", "llama3_8b", 8192, {.data = 8, .zero_stage = 3}, 1, 0, 74.642},
      {"hf_fsdp2", "llama3_8b", 8192, {.data = 8, .recompute = full, .zero_stage = 3}, 1, 0, 27.609},
      {"hf_fsdp2", "llama3_8b", 4096, {.data = 2, .recompute = full, .zero_stage = 3}, 1, 0, 74.819},
      {"hf_fsdp2", "llama3_70b", 8192, {.data = 64, .zero_stage = 3}, 1, 0, 272.767},
      {"hf_fsdp2",
       "llama2_7b",
       4096,
       {.data = 8, .micro_batch = 8, .recompute = full, .zero_stage = 3},
       1,
       0,
       31.031},
  };
  for (const TracedStep& step : steps)
    EXPECT_NEAR(predicted_gib(step) / step.gib, 1, 0.025) << step.model << " " << step.layout.data;
}

TEST(TracedMemory, OfMegatronCoreWithEitherLoss) {
  const TracedStep steps[] = {
      {"megatron_core_native_loss", "llama3_8b", 8192, {.data = 8, .zero_stage = 1}, 6, 0, 97.5716},
      {"megatron_core_plain", "llama3_8b", 8192, {.data = 8, .zero_stage = 1}, 6, 0, 93.7197},
      {"megatron_core_native_loss",
       "llama3_8b",
       8192,
       {.data = 4, .pipeline = 4, .zero_stage = 1},
       6,
       0,
       54.0350},
      {"megatron_core_native_loss",
       "llama3_8b",
       8192,
       {.data = 4, .pipeline = 4, .zero_stage = 1},
       6,
       3,
       35.1099},
  };
  for (const TracedStep& step : steps)
    EXPECT_NEAR(predicted_gib(step) / step.gib, 1, 0.005) << step.software << " stage " << step.stage;
}

}  // namespace
}  // namespace paraplan
