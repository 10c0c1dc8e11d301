#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/cli/command.h"

namespace paraplan {
namespace {

using Json = nlohmann::json;

constexpr const char* kScenario = "scenarios/megatron2023_gpt2_v100.toml";

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// The part of a file from the line `title` to the next table.
std::string table_of(const std::string& text, const std::string& title) {
  const size_t begin = text.find(title);
  return text.substr(begin, text.find("\n[", begin) + 1 - begin);
}

// A plan for one device, and a run of it that took exactly as long as predicted but for `more_s` seconds of
// matrix products.
class Compare : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(run_paraplan(fmt::format("plan {} --devices 1 --out {}", kScenario, plan_.string())).exit_code,
              0);
  }

  static double number_in(const std::string& text, const std::string& key) {
    const size_t at = text.find("\n" + key + " = ");
    return std::stod(text.substr(at + key.size() + 4));
  }

  void write_run(double more_s, bool complete = true) const {
    const std::string plan = content_of(plan_);
    const double predicted_s = number_in(plan, "iteration_time_s");
    std::string parts = table_of(plan, "[breakdown_s]");
    const size_t gemm = parts.find("gemm = ");
    parts.replace(gemm, parts.find('\n', gemm) - gemm,
                  fmt::format("gemm = {}", number_in(parts, "gemm") + more_s));
    const std::string memory = plan.substr(plan.find("[memory_bytes]"));
    std::ofstream(run_) << plan.substr(0, plan.find("\n[")) << "\n"
                        << fmt::format(
                               "device = \"cpu\"\ntransport = \"threads\"\nmachine = \"a test\"\n"
                               "date = \"2024-01-01T00:00:00Z\"\nwarmup_steps = 1\ncomplete = {}\n"
                               "iteration_time_s = {}\niteration_spread = 0.0\nsteps = []\n\n{}\n{}\n"
                               "[[rank]]\nrank = 0\nstage = 0\nhost_bytes = 0.0\nreserved_bytes = 0.0\n"
                               "resident_bytes = 0.0\n[rank.{}\n[rank.{}\n[[stage]]\nops = []\n",
                               complete, predicted_s + more_s, table_of(plan, "[cluster]"),
                               table_of(plan, "[layout]"), parts.substr(1), memory.substr(1));
  }

  Outcome compare(const std::string& options = "") const {
    return run_paraplan(fmt::format("compare {} {} {}", plan_.string(), run_.string(), options));
  }

  void change(const std::filesystem::path& file, const std::string& from, const std::string& to) const {
    std::string text = content_of(file);
    ASSERT_TRUE(contains(text, from));
    text.replace(text.find(from), from.size(), to);
    std::ofstream(file) << text;
  }

  const std::filesystem::path plan_ = scratch_file("plan.toml"), run_ = scratch_file("run.toml");
};

TEST_F(Compare, FindsNoDifferenceWhereThereIsNone) {
  write_run(0);
  const Outcome outcome = compare("--json");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.err, "");
  const Json json = Json::parse(outcome.out);
  EXPECT_EQ(json["iteration_time_s"]["relative_error"], 0);
  EXPECT_EQ(json["peak_memory_bytes"]["difference"], 0);
  for (const Json& part : json["breakdown"]) EXPECT_EQ(part["difference"], 0) << part;
  EXPECT_FALSE(json["ops"].empty());
  EXPECT_EQ(json["ops"].size(), Json::parse(compare("--json --ops 1").out)["ops"].size());
}

TEST_F(Compare, NamesTheLargestCause) {
  write_run(0.25);
  const Outcome outcome = compare();
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_TRUE(contains(outcome.out,
                       "\nOf the 250.00 ms by which the step is slower than predicted, 250.00 ms are in "
                       "gemm"))
      << outcome.out;
}

TEST_F(Compare, SaysThatTheMachineWasBusy) {
  write_run(0.25);
  change(run_, "\n[layout]",
         "\n[machine_load]\nranks = 1\ncores = 2\nothers_cores = 0.8\nsteal_share = 0.0\n\n[layout]");
  EXPECT_TRUE(
      contains(compare().out,
               "\n  machine load     other processes used 0.80 of 2 cores; times may be longer than on "
               "this machine alone\n"))
      << compare().out;
  const Json json = Json::parse(compare("--json").out);
  EXPECT_EQ(json.at("machine_load").at("others_cores"), 0.8);
  EXPECT_EQ(json["machine_load"]["busy"], true);
}

TEST_F(Compare, WarnsOfARunThatWasInterrupted) {
  write_run(0, false);
  const Outcome outcome = compare();
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_TRUE(contains(outcome.err, "run.toml: the run was interrupted after 0 steps\n")) << outcome.err;
}

TEST_F(Compare, RefusesARunOfAnotherLayout) {
  write_run(0);
  change(run_, "\nzero_stage = 0\n", "\nzero_stage = 1\n");
  const Outcome outcome = compare();
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_TRUE(contains(outcome.err,
                       "run.toml: layout: the run is not of this plan: zero_stage = 1 (the plan has "
                       "zero_stage = 0)"))
      << outcome.err;
}

TEST_F(Compare, RefusesAPlanOfOtherInputs) {
  write_run(0);
  change(plan_, "\ndigest = \"fnv1a64:", "\ndigest = \"fnv1a64:0");
  const Outcome outcome = compare();
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_TRUE(contains(outcome.err, "plan.toml: digest: fnv1a64:0")) << outcome.err;
  EXPECT_TRUE(contains(outcome.err, "plan again")) << outcome.err;
}

TEST_F(Compare, UpdatesAProfileOfTheRunsMachine) {
  write_run(0);
  change(run_, "machine = \"a test\"", "machine = \"a test, no library\"");
  const std::string generic = content_of(PARAPLAN_SOURCE_DIR "/profiles/hardware/generic_cpu.toml");
  const std::filesystem::path profile = scratch_file("profile.toml");
  const auto write_profile = [&](const std::string& machine) {
    std::ofstream(profile) << generic
                           << fmt::format(
                                  "\n[measured_on]\nmachine = \"{}\"\nlibraries = \"no library\"\n"
                                  "transport = \"threads\"\ndate = \"2023-01-01T00:00:00Z\"\n",
                                  machine);
  };
  const std::string update = "--json --update " + profile.string();
  write_profile("another");
  const std::string before = content_of(profile);
  const Outcome refused = compare(update);
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_EQ(refused.out, "");
  EXPECT_TRUE(contains(
      refused.err, "the profile was measured on another, no library; the run was made on a test, no library"))
      << refused.err;
  EXPECT_EQ(content_of(profile), before);
  write_profile("a test");
  const Outcome done = compare(update);
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_FALSE(Json::parse(done.out)["ops"].empty());
  EXPECT_TRUE(contains(content_of(profile), "date = \"2024-01-01T00:00:00Z\"")) << content_of(profile);
}

TEST_F(Compare, FilesInTheWrongOrderAreRefused) {
  write_run(0);
  const Outcome outcome = run_paraplan(fmt::format("compare {} {}", run_.string(), plan_.string()));
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(outcome.out, "");
}

}  // namespace
}  // namespace paraplan
