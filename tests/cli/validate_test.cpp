#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/cli/command.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A scenario of Llama-2 7B on 8 A100s in a folder of its own, with measured rows.
fs::path scenario_in(const std::string& folder, const std::string& rows) {
  const fs::path sources = PARAPLAN_SOURCE_DIR, place = scratch_file(folder);
  fs::create_directories(place);
  std::ofstream(place / "rows.tsv") << rows;
  const fs::path file = place / "job.toml";
  std::ofstream(file) << fmt::format(
      "model = \"{0}/scenarios/models/llama2_7b.toml\"\nhardware = "
      "\"{0}/profiles/hardware/a100_sxm_80.toml\"\n"
      "software = \"{0}/profiles/software/megatron_core.toml\"\nmeasured = \"rows.tsv\"\n[cluster]\nnodes = "
      "1\ndevices_per_node = 8\n[training]\nseq_length = 4096\nglobal_batch = 64\nprecision = \"bf16\"\n",
      sources.string());
  return file;
}

constexpr const char* kHeader = "id\tdata\ttensor\tpipeline\tmicro_batch\ttokens_per_s_per_device\n";
constexpr const char* kPossible =
    "a\t4\t2\t1\t1\t3000\nb\t2\t4\t1\t1\t2700\nc\t8\t1\t1\t1\t3100\nd\t1\t8\t1\t1\t2100\n";
constexpr const char* kImpossible = "fast\t8\t1\t1\t2\t8708\n";

TEST(ValidateNames, TwoScenariosOfOneNameKeepTheirSummaries) {
  const fs::path here = scenario_in("here", std::string(kHeader) + kPossible);
  const fs::path there = scenario_in("there", std::string(kHeader) + "e\t8\t1\t1\t1\t3000\n");
  const Outcome outcome = run_paraplan(
      fmt::format("validate --json {} scenarios/hf_qwen_14b_a100.toml {}", here.string(), there.string()));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = Json::parse(outcome.out);
  ASSERT_EQ(json["scenarios"].size(), 3U);
  EXPECT_EQ(json["scenarios"][here.string()]["iteration_time_s"]["rows"], 4);
  EXPECT_EQ(json["scenarios"][there.string()]["iteration_time_s"]["rows"], 1);
  EXPECT_EQ(json["scenarios"]["hf_qwen_14b_a100"]["iteration_time_s"]["rows"], 2);
  EXPECT_EQ(json["rows"][0]["scenario"], "job");
  EXPECT_EQ(json["rows"][0]["scenario_file"], here.string());
}

TEST(ValidateNames, AScenarioNamedTwiceCountsOnce) {
  const Outcome outcome = run_paraplan(
      "validate --json scenarios/hf_qwen_14b_a100.toml scenarios/../scenarios/hf_qwen_14b_a100.toml");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = Json::parse(outcome.out);
  EXPECT_EQ(json["summary"]["iteration_time_s"]["rows"], 2);
  EXPECT_EQ(json["scenarios"]["hf_qwen_14b_a100"]["iteration_time_s"]["rows"], 2);
  EXPECT_EQ(
      outcome.err,
      "paraplan: warning: scenarios/../scenarios/hf_qwen_14b_a100.toml: named twice; its rows count once\n");
}

TEST(ValidateNames, ALinkToAScenarioIsTheScenario) {
  const fs::path file = scenario_in("linked", std::string(kHeader) + kPossible);
  const fs::path link = file.parent_path() / "link.toml";
  fs::remove(link);
  fs::create_symlink("job.toml", link);
  const Outcome outcome = run_paraplan(fmt::format("validate --json {} {}", file.string(), link.string()));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(Json::parse(outcome.out)["summary"]["iteration_time_s"]["rows"], 4);
  EXPECT_TRUE(contains(outcome.err, "link.toml: named twice; its rows count once")) << outcome.err;
}

// 8708 tokens/s and GPU, as published for 8 A100s.
TEST(RowsAboveThePeak, AreLeftOutByValidate) {
  const fs::path with = scenario_in("with", std::string(kHeader) + kPossible + kImpossible);
  const fs::path without = scenario_in("without", std::string(kHeader) + kPossible);
  const Json json = Json::parse(run_paraplan("validate --json " + with.string()).out);
  const Json honest = Json::parse(run_paraplan("validate --json " + without.string()).out);
  for (const char* figure : {"rows", "mean_absolute_relative_error", "bias"})
    EXPECT_EQ(json["summary"]["iteration_time_s"][figure], honest["summary"]["iteration_time_s"][figure]);
  EXPECT_EQ(json["summary"]["iteration_time_s"]["above_peak"], 1);
  EXPECT_EQ(json["mean_kendall_tau"], honest["mean_kendall_tau"]);
  EXPECT_NEAR(json["rows"][4]["above_peak"].get<double>(), 1.195, 0.002);
  const Outcome text = run_paraplan("validate " + with.string());
  EXPECT_TRUE(contains(text.out, "fast: above peak: 120 % of the device's; left out")) << text.out;
  EXPECT_TRUE(contains(text.out, "left out, because no device does that: 1 row: fast (120 %")) << text.out;
}

TEST(RowsAboveThePeak, AreLeftOutByCalibrate) {
  const std::string options = " --json --fit software.host.step_ms --no-leave-one-out";
  const Outcome with = run_paraplan(
      "calibrate " + scenario_in("with", std::string(kHeader) + kPossible + kImpossible).string() + options);
  const Outcome without = run_paraplan(
      "calibrate " + scenario_in("without", std::string(kHeader) + kPossible).string() + options);
  EXPECT_EQ(with.exit_code, 0) << with.err;
  EXPECT_EQ(with.err,
            "paraplan: warning: rows.tsv: left out, because no device does that: fast (120 % of the device's "
            "peak)\n");
  EXPECT_EQ(without.err, "");
  EXPECT_EQ(Json::parse(with.out)["rows"].size(), 4U);
  EXPECT_EQ(with.out, without.out);
}

TEST(Mfu, SaysWhatItCounts) {
  const std::string layout = " --layout data=8,tensor=1,pipeline=1,micro_batch=1,zero_stage=1";
  const Outcome text = run_paraplan("predict scenarios/llama2_7b_a100_80.toml" + layout);
  EXPECT_TRUE(contains(text.out, "(attention counted in full; ")) << text.out;
  const Json causal =
      Json::parse(run_paraplan("predict --json scenarios/llama2_7b_a100_80.toml" + layout).out);
  EXPECT_LT(causal["mfu_causal"], causal["mfu"]);
  EXPECT_GT(causal["mfu_causal"], 0.5 * causal["mfu"].get<double>());
  const Json both = Json::parse(run_paraplan("predict --json scenarios/megatron2023_bert_v100.toml"
                                             " --layout data=8,tensor=1,pipeline=1,micro_batch=1")
                                    .out);
  EXPECT_EQ(both["mfu_causal"], both["mfu"]);
}

}  // namespace
}  // namespace paraplan
