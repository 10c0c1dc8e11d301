#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "costmodel/io/profiles/profiles.h"
#include "tests/cli/command.h"

namespace paraplan {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* kSource = PARAPLAN_SOURCE_DIR;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A copied scenario of megatron_core with rows of one's own; `software` is a file.
fs::path scenario_with(const std::string& name, const fs::path& software) {
  const fs::path file = scratch_file(name + ".toml");
  std::ofstream(file) << fmt::format(
      "description = \"mine\"\nmodel = \"{0}/scenarios/models/llama2_7b.toml\"\n"
      "hardware = \"{0}/profiles/hardware/a100_sxm_80.toml\"\nsoftware = \"{1}\"\nmeasured = \"rows.tsv\"\n"
      "[cluster]\nnodes = 1\ndevices_per_node = 8\n"
      "[training]\nseq_length = 2048\nglobal_batch = 64\nprecision = \"bf16\"\n",
      kSource, software.string());
  return file;
}

fs::path megatron_core() {
  return fs::path(kSource) / "profiles/software/megatron_core.toml";
}

// What megatron_core predicts with a slower host and without tensor overlap: iteration times of made-up rows.
struct Row {
  std::string cells;
  double seconds;
};

std::vector<Row> rows_of(const fs::path& software) {
  std::ofstream(scratch_file("rows.tsv")) << "id\tdata\titeration_time_s\nnone\t8\t1\n";
  const fs::path truth = scenario_with("truth", software);
  std::vector<Row> rows;
  for (const int tensor : {1, 2, 4, 8}) {
    for (const int micro_batch : {1, 2, 4}) {
      const Outcome outcome =
          run_paraplan(fmt::format("predict {} --json --layout data={},tensor={},pipeline=1,micro_batch={}",
                                   truth.string(), 8 / tensor, tensor, micro_batch));
      rows.push_back({fmt::format("t{0}b{1}\t{2}\t{0}\t1\t{1}", tensor, micro_batch, 8 / tensor),
                      Json::parse(outcome.out)["iteration_time_s"]});
    }
  }
  return rows;
}

std::vector<Row> slower_rows() {
  SoftwareProfile slow = load_software(megatron_core());
  slow.host.micro_batch_s.value = 0.06;
  slow.communication.tensor_overlap.value = 0.1;
  const fs::path file = scratch_file("slow.toml");
  write_software(slow, file);
  return rows_of(file);
}

void write_rows(const std::vector<Row>& rows) {
  std::ofstream file(scratch_file("rows.tsv"));
  file << "id\tdata\ttensor\tpipeline\tmicro_batch\titeration_time_s\n";
  for (const Row& row : rows) file << fmt::format("{}\t{}\n", row.cells, row.seconds);
}

Outcome calibrate(const fs::path& out) {
  const fs::path scenario = scenario_with("my", megatron_core());
  return run_paraplan(fmt::format("calibrate {} --json --out {}", scenario.string(), out.string()));
}

TEST(Calibrate, FitsACopyOfAShippedScenarioToItsRows) {
  write_rows(slower_rows());
  const fs::path out = scratch_file("my_software.toml");
  const Outcome outcome = calibrate(out);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
  const Json json = Json::parse(outcome.out);
  EXPECT_LT(json["together"][0]["after"]["mean"], 0.01);
  EXPECT_GT(json["together"][0]["before"]["mean"], 0.05);
  EXPECT_TRUE(json["failure"].is_null());
  for (const Json& constant : json["not_fitted"]) EXPECT_NE(constant["reason"], "") << constant;
  const SoftwareProfile fitted = load_software(out);
  EXPECT_NEAR(fitted.host.micro_batch_s, 0.06, 0.006);
  EXPECT_EQ(fitted.host.micro_batch_s.provenance, Provenance::fitted);
  EXPECT_EQ(fitted.calibration.value().rows, 12);
}

TEST(Calibrate, NamesARowTenTimesTooSlowAndFitsTheOthers) {
  std::vector<Row> rows = slower_rows();
  const Row spoilt = {rows[4].cells, 10 * rows[4].seconds};
  rows.erase(rows.begin() + 4);
  write_rows(rows);
  const fs::path without = scratch_file("without.toml"), with = scratch_file("with.toml");
  ASSERT_EQ(calibrate(without).exit_code, 0);
  rows.push_back(spoilt);
  write_rows(rows);
  const Outcome outcome = calibrate(with);
  ASSERT_EQ(outcome.exit_code, 0);
  const Json outliers = Json::parse(outcome.out)["outliers"];
  ASSERT_EQ(outliers.size(), 1U);
  EXPECT_EQ(outliers[0]["id"], "t2b2");
  EXPECT_NEAR(outliers[0]["factor"].get<double>(), 10, 0.5);
  EXPECT_EQ(content_of(with), content_of(without));
}

TEST(Calibrate, WritesNothingThatIsNoBetter) {
  write_rows(rows_of(megatron_core()));
  const fs::path out = scratch_file("no_better.toml");
  const Outcome outcome = calibrate(out);
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_TRUE(Json::parse(outcome.out)["failure"].is_string());
  EXPECT_FALSE(fs::exists(out));
}

TEST(Calibrate, ReportSaysWhatWasFittedAndWhyNotTheOthers) {
  write_rows(slower_rows());
  const Outcome outcome = run_paraplan("calibrate " + scenario_with("my", megatron_core()).string());
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(contains(outcome.out, "software.megatron_core:host.micro_batch_ms")) << outcome.out;
  EXPECT_TRUE(contains(outcome.out, "no effect on these rows")) << outcome.out;
  EXPECT_TRUE(contains(outcome.out, " on average before, ")) << outcome.out;
}

TEST(Calibrate, AnImpossibleOutputIsRefusedBeforeTheFit) {
  write_rows(slower_rows());
  for (const char* out : {"rows.tsv/x", "nowhere/a/b"}) {
    const Outcome outcome = calibrate(scratch_file(out));
    EXPECT_EQ(outcome.exit_code, 2) << out;
    EXPECT_TRUE(contains(outcome.err, "--out: there is no folder ")) << outcome.err;
    EXPECT_EQ(outcome.out, "");
  }
  EXPECT_FALSE(fs::exists(scratch_file("nowhere")));
}

// Two frameworks, so two profiles change, which only the fit tells.
Outcome calibrate_two(const fs::path& out) {
  const fs::path copied = scratch_file("copied.toml");
  fs::copy_file(megatron_core(), copied, fs::copy_options::overwrite_existing);
  const fs::path mine = scenario_with("my", megatron_core()), yours = scenario_with("your", copied);
  return run_paraplan(
      fmt::format("calibrate {} {} --fit software.host.micro_batch_ms --no-leave-one-out --out {}",
                  mine.string(), yours.string(), out.string()));
}

TEST(Calibrate, TheReportComesAlsoWhenTheFitChangesTooManyProfiles) {
  write_rows(slower_rows());
  const fs::path both = scratch_file("both.toml"), folder = scratch_file("calibrated"),
                 file = folder / "software";
  const Outcome outcome = calibrate_two(both);
  EXPECT_EQ(outcome.exit_code, 2) << outcome.err;
  EXPECT_TRUE(contains(outcome.err, "must be a folder, because 2 profiles change")) << outcome.err;
  EXPECT_TRUE(contains(outcome.out, " on average before, ")) << outcome.out;
  EXPECT_FALSE(fs::exists(both));
  fs::remove_all(folder);
  fs::create_directories(folder);
  std::ofstream(file) << "in the way";
  const Outcome blocked = calibrate_two(folder);
  EXPECT_EQ(blocked.exit_code, 2) << blocked.err;
  EXPECT_TRUE(contains(blocked.err, fmt::format("the folder {} cannot be made: ", file.string())))
      << blocked.err;
  EXPECT_TRUE(contains(blocked.out, " on average before, ")) << blocked.out;
  fs::remove(file);
  EXPECT_EQ(calibrate_two(folder.string() + "/").exit_code, 0);
  EXPECT_TRUE(fs::exists(file / "megatron_core.toml"));
  EXPECT_TRUE(fs::exists(file / "copied.toml"));
}

TEST(Calibrate, AScenarioNamedTwiceCountsOnce) {
  write_rows(slower_rows());
  const std::string scenario = scenario_with("my", megatron_core()).string();
  const Outcome once = run_paraplan(fmt::format("calibrate {} --json", scenario));
  const Outcome twice = run_paraplan(fmt::format("calibrate {0} {0} --json", scenario));
  EXPECT_EQ(twice.exit_code, 0) << twice.err;
  EXPECT_EQ(twice.out, once.out);
  EXPECT_TRUE(contains(twice.err, "my.toml: named twice; its rows count once")) << twice.err;
}

TEST(Calibrate, WritesNothingFromTwoRows) {
  std::vector<Row> rows = slower_rows();
  rows.resize(2);
  write_rows(rows);
  const fs::path out = scratch_file("two_rows.toml");
  const Outcome outcome = calibrate(out);
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_TRUE(contains(outcome.out, "too few: 3 are needed")) << outcome.out;
  EXPECT_FALSE(fs::exists(out));
}

}  // namespace
}  // namespace paraplan
