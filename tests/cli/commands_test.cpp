#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/cli/command.h"

namespace paraplan {
namespace {

using Json = nlohmann::json;

constexpr const char* kScenario = "scenarios/megatron2023_gpt2_v100.toml";
constexpr const char* kTooLarge =
    "scenarios/llama2_7b_a100_40.toml --devices 1";  // 7B parameters on one device

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

Outcome run_on_scenario(const char* command, const std::string& options) {
  return run_paraplan(fmt::format("{} {} {}", command, kScenario, options));
}

TEST(Plan, PrintsTheBestLayouts) {
  const Outcome outcome = run_on_scenario("plan", "--top 3");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.err, "");
  EXPECT_TRUE(contains(outcome.out, "\n  3 "));
  EXPECT_FALSE(contains(outcome.out, "\n  4 "));
}

TEST(Plan, JsonIsAloneOnStandardOutput) {
  const Outcome outcome = run_on_scenario("plan", "--top 2 --json");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.err, "");
  const Json json = Json::parse(outcome.out);
  EXPECT_EQ(json["layouts"].size(), 2U);
  EXPECT_LE(json["layouts"][0]["iteration_time_s"], json["layouts"][1]["iteration_time_s"]);
}

TEST(Plan, TakesPartOfTheCluster) {
  const Json json = Json::parse(run_on_scenario("plan", "--devices 4 --json").out);
  for (const Json& layout : json["layouts"]) {
    EXPECT_EQ(layout["layout"]["data"].get<int>() * layout["layout"]["tensor"].get<int>() *
                  layout["layout"]["pipeline"].get<int>(),
              4);
  }
}

TEST(Plan, WritesTheBestLayoutTheSameEachTime) {
  const auto first = scratch_file("first.toml"), second = scratch_file("second.toml");
  EXPECT_EQ(run_on_scenario("plan", "--out " + first.string()).exit_code, 0);
  EXPECT_EQ(run_on_scenario("plan", "--out " + second.string()).exit_code, 0);
  EXPECT_TRUE(contains(content_of(first), "[layout]\ndata = "));
  EXPECT_EQ(content_of(first), content_of(second));
}

TEST(Plan, SaysWhyNothingFits) {
  const auto file = scratch_file("nothing.toml");
  const Outcome outcome = run_paraplan(fmt::format("plan {} --out {}", kTooLarge, file.string()));
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_TRUE(contains(outcome.out, "no layout fits")) << outcome.out;
  EXPECT_TRUE(contains(outcome.out, "does not fit in device memory")) << outcome.out;
  EXPECT_FALSE(std::filesystem::exists(file));
  const Outcome as_json = run_paraplan(fmt::format("plan {} --json", kTooLarge));
  EXPECT_EQ(as_json.exit_code, 1);
  EXPECT_TRUE(Json::parse(as_json.out)["layouts"].empty());
}

TEST(Predict, TakesALayoutThatPlanPrinted) {
  const Json best = Json::parse(run_on_scenario("plan", "--top 1 --json").out)["layouts"][0];
  const std::string argument = best["layout_argument"];
  const Outcome outcome = run_on_scenario("predict", "--json --layout " + argument);
  EXPECT_EQ(outcome.exit_code, 0);
  const Json json = Json::parse(outcome.out);
  EXPECT_EQ(json["layout"], best["layout"]);
  EXPECT_EQ(json["iteration_time_s"], best["iteration_time_s"]);
  EXPECT_EQ(json["peak_memory_bytes"], best["peak_memory_bytes"]);
}

TEST(Predict, PricesALayoutThatDoesNotFit) {
  const Outcome outcome = run_paraplan(
      "predict scenarios/llama2_7b_a100_40.toml --json --layout data=8,tensor=1,pipeline=1,micro_batch=1");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = Json::parse(outcome.out);
  EXPECT_EQ(json["fits"], false);
  EXPECT_GT(json["lacking"]["bytes"], 0);
}

TEST(Predict, AnImpossibleLayoutIsBadInput) {
  for (const char* layout :
       {"data=3,tensor=1,pipeline=1,micro_batch=1", "data=8,tensor=1,pipeline=1,micro_batch=3",
        "data=8,tensor=1,pipeline=1,micro_batch=1,colour=red", "data=eight", ""}) {
    const Outcome outcome = run_on_scenario("predict", fmt::format("--json --layout '{}'", layout));
    EXPECT_EQ(outcome.exit_code, 2) << layout;
    EXPECT_EQ(outcome.out, "") << layout;
    EXPECT_TRUE(contains(outcome.err, "command line: ")) << outcome.err;
  }
}

TEST(Predict, WritesATraceOnlyForALayoutThatCanBe) {
  const auto trace = scratch_file("trace.json");
  const std::string option =
      fmt::format("--trace {} --layout data=8,tensor=1,pipeline=1,micro_batch=", trace.string());
  EXPECT_EQ(run_on_scenario("predict", option + "3").exit_code, 2);
  EXPECT_FALSE(std::filesystem::exists(trace));
  EXPECT_EQ(run_on_scenario("predict", option + "2").exit_code, 0);
  EXPECT_FALSE(Json::parse(content_of(trace)).empty());
}

TEST(Sweep, WritesARowPerCombination) {
  const auto csv = scratch_file("sweep.csv");
  const Outcome outcome = run_on_scenario(
      "sweep",
      fmt::format("--vary devices=4,8 --vary hardware.device.memory_GiB=0.1,16 --csv {}", csv.string()));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const std::string text = content_of(csv);
  EXPECT_EQ(text.substr(0, 34), "devices,hardware.device.memory_GiB");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5);
  EXPECT_TRUE(contains(outcome.out, "nothing fits"));
}

TEST(Sweep, OneBadValueIsARowThatSaysWhy) {
  const Outcome outcome = run_on_scenario("sweep", "--json --vary devices=4,12,8");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json points = Json::parse(outcome.out)["points"];
  ASSERT_EQ(points.size(), 3U);
  EXPECT_EQ(points[0]["fits"], true);
  EXPECT_EQ(points[1]["fits"], false);
  EXPECT_EQ(points[2]["fits"], true);
  const Outcome alone = run_on_scenario("plan", "--devices 12");
  EXPECT_EQ("paraplan: " + points[1]["reason"].get<std::string>() + "\n", alone.err);
}

TEST(Sweep, BadValuesLeaveNoFile) {
  const auto csv = scratch_file("bad.csv");
  for (const char* vary : {"colour=red", "nodes=0,none", "nodes", "nodes=1 --vary devices=4",
                           "hardware.device.memory_GiB=0", "network=carrier_pigeon"}) {
    const Outcome outcome = run_on_scenario("sweep", fmt::format("--vary {} --csv {}", vary, csv.string()));
    EXPECT_EQ(outcome.exit_code, 2) << vary;
    EXPECT_EQ(outcome.out, "") << vary;
    EXPECT_TRUE(contains(outcome.err, "command line: ")) << outcome.err;
    EXPECT_FALSE(std::filesystem::exists(csv)) << vary;
  }
}

TEST(Sweep, FindsNothing) {
  const Outcome outcome = run_on_scenario("sweep", "--json --vary hardware.device.memory_GiB=0.1,0.2");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(Json::parse(outcome.out)["points"].size(), 2U);
}

TEST(Validate, JsonHoldsRowsSummaryAndRanking) {
  const Outcome outcome = run_on_scenario("validate", "--json");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = Json::parse(outcome.out);
  EXPECT_EQ(json["rows"].size(), 20U);  // ten rows with a time and a memory each
  for (const Json& row : json["rows"]) {
    const double error = row["predicted"].get<double>() / row["measured"].get<double>() - 1;
    EXPECT_NEAR(row["relative_error"].get<double>(), error, 1e-12) << row["id"];
  }
  EXPECT_EQ(json["summary"]["iteration_time_s"]["rows"], 10);
  EXPECT_EQ(json["summary"]["peak_memory_mib"]["rows"], 10);
  EXPECT_GE(json["ranking"].size(), 2U);
}

TEST(Validate, TakesOtherRows) {
  const auto rows = scratch_file("rows.tsv");
  std::ofstream(rows) << "id\tdata\ttensor\tpipeline\tmicro_batch\tglobal_batch\tsamples_per_s\toutcome\n"
                         "one\t8\t1\t1\t2\t16\t32\tok\n";
  const Outcome outcome = run_on_scenario("validate", "--json --measured " + rows.string());
  const Json json = Json::parse(outcome.out);
  EXPECT_EQ(json["rows"].size(), 2U);
  EXPECT_EQ(json["rows"][0]["quantity"], "iteration_time_s");
  EXPECT_EQ(json["rows"][0]["measured"], 0.5);
  EXPECT_EQ(json["rows"][1]["measured"], "ok");
}

TEST(Validate, NamesTheLineOfABadRow) {
  const auto rows = scratch_file("bad.tsv");
  std::ofstream(rows) << "id\tdata\ttensor\tpipeline\tmicro_batch\tsamples_per_s\none\t8\t1\t1\t2\tfast\n";
  const Outcome outcome = run_on_scenario("validate", "--json --measured " + rows.string());
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_TRUE(contains(outcome.err, "bad.tsv:2: samples_per_s: ")) << outcome.err;
}

TEST(Validate, NeedsRows) {
  const Outcome outcome = run_paraplan("validate scenarios/gpt3_175b_a100.toml");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_TRUE(contains(outcome.err, "--measured")) << outcome.err;
}

}  // namespace
}  // namespace paraplan
