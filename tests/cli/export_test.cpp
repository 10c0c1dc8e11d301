#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "costmodel/io/launch/structured_file.h"
#include "tests/cli/command.h"

namespace paraplan {
namespace {

using Json = nlohmann::json;

constexpr const char* kScenario = "scenarios/llama3_70b_h100.toml";
constexpr const char* kSharded = "data=64,tensor=8,micro_batch=1,recompute=full,zero_stage=3";

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

Outcome exported(const std::string& layout, const std::string& target, const std::string& options = "") {
  return run_paraplan(fmt::format("export {} --layout {} --to {} {}", kScenario, layout, target, options));
}

TEST(Export, PrintsASingleFile) {
  const Outcome outcome = exported(kSharded, "megatron");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_TRUE(outcome.out.starts_with("#!/usr/bin/env bash\n"));
  EXPECT_TRUE(contains(outcome.out, "--tensor-model-parallel-size 8")) << outcome.out;
  EXPECT_TRUE(contains(outcome.err, "note: Written for megatron-core")) << outcome.err;
}

TEST(Export, WritesAFolderAndOnlyReplacesItsOwnFiles) {
  const auto folder = scratch_file("bridge");
  const std::string to_folder = fmt::format("-o {}/", folder.string());
  EXPECT_EQ(exported(kSharded, "megatron-bridge", to_folder).exit_code, 0);
  EXPECT_TRUE(std::filesystem::exists(folder / "train.py"));
  EXPECT_EQ(exported(kSharded, "megatron-bridge", to_folder).exit_code, 0);
  std::filesystem::copy_file(std::filesystem::path(PARAPLAN_SOURCE_DIR) / kScenario, folder / "train.py",
                             std::filesystem::copy_options::overwrite_existing);
  const Outcome refused = exported(kSharded, "megatron-bridge", to_folder);
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_TRUE(contains(refused.err, "goes there only with --force")) << refused.err;
  EXPECT_EQ(exported(kSharded, "megatron-bridge", to_folder + " --force").exit_code, 0);
}

TEST(Export, TakesAPlan) {
  const auto plan = scratch_file("plan.toml"), launch = scratch_file("launch.sh");
  ASSERT_EQ(run_paraplan(fmt::format("plan {} --out {}", kScenario, plan.string())).exit_code, 0);
  const Outcome outcome = run_paraplan(
      fmt::format("export {} --to megatron --launcher sbatch -o {}", plan.string(), launch.string()));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(contains(content_of(launch), "#SBATCH --nodes=64\n"));
}

TEST(Export, NamesTheKeyThatAFrameworkCannotExpress) {
  const Outcome outcome =
      exported("data=64,tensor=8,micro_batch=1,sequence_parallel=on,zero_stage=3", "deepspeed");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_TRUE(contains(outcome.err, "sequence_parallel: deepspeed cannot express \"on\"")) << outcome.err;
}

TEST(Export, NeedsALayoutWithAScenario) {
  const Outcome outcome = run_paraplan(fmt::format("export {} --to megatron", kScenario));
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_TRUE(contains(outcome.err, "--layout: needed")) << outcome.err;
}

struct RoundTrip {
  const char* layout;
  std::vector<const char*> targets;
};

// What is written is read back: `check` predicts an export's time and memory to the digit.
TEST(Check, AnExportIsPricedAsItsPlan) {
  const std::vector<RoundTrip> trips = {
      {kSharded,
       {"megatron", "megatron-bridge", "ms-swift", "torchtitan", "deepspeed", "accelerate", "automodel"}},
      {"data=32,tensor=8,pipeline=2,virtual_stages=4,micro_batch=1,sequence_parallel=on,zero_stage=1",
       {"megatron", "megatron-bridge", "ms-swift"}},
      {"data=16,tensor=8,pipeline=4,micro_batch=1,sequence_parallel=on,recompute=layers,recompute_layers=5,"
       "stage_layers=18-21-21-20",
       {"megatron", "megatron-bridge", "ms-swift"}},
      {"data=16,tensor=8,context=4,micro_batch=2,sequence_parallel=on,zero_stage=2",
       {"megatron", "automodel"}},
      {"data=512,micro_batch=1,zero_stage=3,recompute=full,offload=optimizer+parameters",
       {"deepspeed", "accelerate", "automodel"}}};
  int compared = 0;
  for (const auto& [layout, targets] : trips) {
    const Json plan =
        Json::parse(run_paraplan(fmt::format("predict {} --layout {} --json", kScenario, layout)).out);
    for (const std::string target : targets) {
      const bool structured = target == "deepspeed" || target == "accelerate" || target == "automodel";
      if (structured && !reads_structured_files()) continue;
      const auto folder = scratch_file(fmt::format("trip{}", compared++));
      ASSERT_EQ(exported(layout, target, fmt::format("-o {}/", folder.string())).exit_code, 0)
          << target << layout;
      const Outcome outcome = run_paraplan(
          fmt::format("check {}/launch.sh --scenario {} --top 1 --json", folder.string(), kScenario));
      ASSERT_NE(outcome.exit_code, 2) << outcome.err;
      const Json check = Json::parse(outcome.out);
      for (const char* key :
           {"iteration_time_s", "peak_memory_bytes", "breakdown", "memory", "nodes", "fits"})
        EXPECT_EQ(check[key], plan[key]) << target << " " << layout << " " << key;
    }
  }
  EXPECT_GT(compared, 0);
}

TEST(Support, HasARowPerFeatureAndAnAnswerPerTarget) {
  const Json features = Json::parse(run_paraplan("support --json").out);
  for (const Json& feature : features) EXPECT_EQ(feature["export"].size(), 7U) << feature;
  const auto zb = std::ranges::find_if(features, [](const Json& f) { return f["what"] == "zb-h1"; });
  ASSERT_NE(zb, features.end());
  EXPECT_FALSE((*zb)["not_priced_by"].empty());  // only software that splits backward passes
  EXPECT_EQ((*zb)["run"], true);
  EXPECT_TRUE((*zb)["export"]["megatron"].is_string());
  EXPECT_EQ(run_paraplan("support").exit_code, 0);
}

TEST(List, NamesWhatScenariosMayUse) {
  for (const auto& [kind, name] : {std::pair{"models", "llama3_70b"},
                                   {"hardware", "h100_sxm"},
                                   {"networks", "roce_100g"},
                                   {"software", "megatron_core"},
                                   {"hosts", "v100_cloud_2023"}}) {
    const Json list = Json::parse(run_paraplan(fmt::format("list {} --json", kind)).out);
    EXPECT_TRUE(std::ranges::any_of(list, [&](const Json& entry) { return entry["name"] == name; })) << kind;
    EXPECT_TRUE(contains(run_paraplan(fmt::format("list {}", kind)).out, name));
  }
  EXPECT_TRUE(contains(run_paraplan("list model").err, "did you mean \"models\""));
}

}  // namespace
}  // namespace paraplan
