#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "costmodel/io/run_file.h"
#include "tests/cli/command.h"

namespace paraplan {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* kModel = R"(family = "gpt"
layers = 2
hidden = 32
heads = 4
vocab = 64
source = "small enough for a test"
)";

void write(const fs::path& file, const std::string& text) {
  std::ofstream(file) << text;
}

// A scenario on `devices` ranks of this machine, whose model and profiles are given by their files. `memory`:
// of a device, in GiB.
fs::path scenario(int devices, const std::string& memory = "4", const std::string& software = "paraplan") {
  const fs::path root = PARAPLAN_SOURCE_DIR;
  const fs::path file = scratch_file("small.toml"), profile = scratch_file("small_cpu.toml"),
                 model = scratch_file("small_model.toml");
  write(model, kModel);
  std::string hardware = content_of(root / "profiles/hardware/generic_cpu.toml");
  const std::string key = "memory_GiB = { value = ";
  const size_t value = hardware.find(key) + key.size();
  hardware.replace(value, hardware.find(',', value) - value, memory);
  write(profile, hardware);
  write(file, fmt::format("model = \"{}\"\nhardware = \"{}\"\nsoftware = \"{}\"\n\n[cluster]\n"
                          "nodes = 1\ndevices_per_node = {}\n\n[training]\nseq_length = 16\n"
                          "global_batch = 4\nprecision = \"fp32\"\n",
                          model.filename().string(), profile.filename().string(),
                          (root / "profiles/software" / (software + ".toml")).string(), devices));
  return file;
}

Outcome run_layout(const fs::path& file, const std::string& layout, const std::string& options) {
  return run_paraplan(fmt::format("run '{}' --layout {} {}", file.string(), layout, options));
}

void expect_refused(const Outcome& outcome, const std::string& text) {
  EXPECT_EQ(outcome.exit_code, 2) << outcome.err;
  EXPECT_NE(outcome.err.find(text), std::string::npos) << outcome.err;
  EXPECT_EQ(outcome.out, "");
}

TEST(Run, PrintsEveryStepAndASummary) {
  const Outcome outcome = run_layout(scenario(2), "data=1,pipeline=2", "--steps 3 --warmup 1");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("step     4  loss "), std::string::npos) << outcome.out;
  EXPECT_EQ(outcome.out.find("step     5"), std::string::npos);
  EXPECT_NE(outcome.out.find("(median of 3 steps"), std::string::npos);
  EXPECT_NE(outcome.out.find("predicted time "), std::string::npos);
  EXPECT_NE(outcome.err.find("holds no measurements"), std::string::npos);
}

TEST(Run, NamesOpsThatWereNotMeasured) {
  const fs::path file = scenario(1);
  const Outcome profile = run_paraplan(fmt::format("profile --ranks 1 --budget-s 0.2 --force --out '{}'",
                                                   scratch_file("small_cpu.toml").string()));
  ASSERT_EQ(profile.exit_code, 0) << profile.err;
  const Outcome outcome = run_layout(file, "data=1", "--steps 1 --warmup 1");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  // Models of a general profile are wider than this one; its kernels are not among them.
  EXPECT_NE(outcome.err.find("no measured time for embedding.word, embedding.position, "), std::string::npos)
      << outcome.err;
  EXPECT_NE(outcome.err.find(" more: predicted from other shapes; `paraplan profile --for " + file.string() +
                             " --out PROFILE` measures them"),
            std::string::npos)
      << outcome.err;
}

TEST(Run, JsonIsAloneOnStandardOutput) {
  const Outcome outcome = run_layout(scenario(2), "data=2", "--steps 2 --warmup 1 --json");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = Json::parse(outcome.out);
  EXPECT_TRUE(json["complete"].get<bool>());
  EXPECT_EQ(json["steps"].size(), 3U);
  EXPECT_EQ(json["ranks"].size(), 2U);
  EXPECT_EQ(json["transport"], "threads");
  EXPECT_TRUE(json.contains("machine_load"));
  EXPECT_GT(json["iteration_time_s"].get<double>(), 0);
  const double predicted = json["prediction"]["iteration_time_s"];
  EXPECT_NEAR(json["relative_error"].get<double>(), predicted / json["iteration_time_s"].get<double>() - 1,
              1e-9);
}

TEST(Run, SaysThatTheMachineWasBusy) {
  const fs::path run = scratch_file("busy_run.toml");
  const BusyNeighbours neighbours;
  const Outcome outcome =
      run_layout(scenario(1), "data=1", fmt::format("--steps 1000 --out '{}'", run.string()));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("paraplan: warning: other processes used "), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find(" while the steps were measured; times may be longer"), std::string::npos);
  EXPECT_NE(outcome.out.find("\n  machine load     other processes used "), std::string::npos) << outcome.out;
  const std::optional<MachineLoad> load = load_run(run).load;
  ASSERT_TRUE(load);
  EXPECT_EQ(load->ranks, 1);
  EXPECT_GT(load->others_cores, 0.05);
}

TEST(Run, ExecutesAPlanAndWritesRunAndTrace) {
  const fs::path file = scenario(2), plan = scratch_file("plan.toml"), run = scratch_file("run.toml"),
                 trace = scratch_file("trace.json");
  ASSERT_EQ(run_paraplan(fmt::format("plan '{}' --out '{}'", file.string(), plan.string())).exit_code, 0);
  const Outcome outcome = run_paraplan(
      fmt::format("run '{}' --steps 2 --out '{}' --trace '{}'", plan.string(), run.string(), trace.string()));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(load_run(run).complete);
  EXPECT_EQ(load_run(run).steps.size(), 5U);
  const std::string digest = "digest = \"fnv1a64:";
  const std::string made = content_of(plan), done = content_of(run);
  ASSERT_NE(made.find(digest), std::string::npos);
  EXPECT_EQ(made.substr(made.find(digest), 34), done.substr(done.find(digest), 34));
  EXPECT_GT(Json::parse(content_of(trace))["traceEvents"].size(), 4U);
}

TEST(Run, RefusesAPlanWhoseScenarioHasChanged) {
  const fs::path file = scenario(2), plan = scratch_file("old_plan.toml");
  ASSERT_EQ(run_paraplan(fmt::format("plan '{}' --out '{}'", file.string(), plan.string())).exit_code, 0);
  write(file, content_of(file).replace(content_of(file).find("global_batch = 4"), 16, "global_batch = 8"));
  const Outcome outcome = run_paraplan("run " + plan.string());
  expect_refused(outcome, plan.string() + ": digest: the scenario has changed since the plan was made");
  const size_t first = outcome.err.find("fnv1a64:");
  EXPECT_NE(outcome.err.find("fnv1a64:", first + 1), std::string::npos)
      << "names one digest: " << outcome.err;
}

TEST(Run, SaysThatTokensAreReadAsWiderOnes) {
  const fs::path file = scenario(1), tokens = scratch_file("tokens.bin");
  std::string bytes;
  for (char token = 1; token < 60; ++token) bytes += {token, '\0', '\0', '\0'};
  std::ofstream(tokens, std::ios::binary) << bytes;
  const Outcome outcome = run_layout(file, "data=1", "--steps 1 --warmup 0 --data " + tokens.string());
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.err.find(tokens.string() + " is read as uint32"), std::string::npos) << outcome.err;
}

TEST(Run, RefusesAnotherLayoutThanThePlans) {
  const fs::path file = scenario(2), plan = scratch_file("one_plan.toml");
  ASSERT_EQ(run_paraplan(fmt::format("plan '{}' --out '{}'", file.string(), plan.string())).exit_code, 0);
  expect_refused(run_layout(plan, "data=2", ""), "command line: --layout: " + plan.string() + " is a plan");
}

TEST(Run, RefusesBadInputByFileAndKey) {
  const fs::path file = scenario(2);
  expect_refused(run_paraplan("run no_such.toml"), "no_such.toml");
  expect_refused(run_paraplan("run " + file.string()), "command line: --layout: ");
  expect_refused(run_layout(file, "data=3", ""), "command line: --layout: ");
  expect_refused(run_layout(file, "data=2", "--ranks 1"), "--ranks: the layout data=2,tensor=1,pipeline=1");
  expect_refused(run_layout(file, "data=2", "--ranks 3"), "runs on 2 ranks, not 3");
  expect_refused(run_layout(file, "data=2", "--ranks 0"), "--ranks");
  expect_refused(run_layout(file, "data=2", "--steps 0"), "--steps");
  expect_refused(run_layout(file, "data=2", "--device tpu"), "--device");
  expect_refused(run_layout(file, "data=2", "--data no_tokens.bin"), "no_tokens.bin");
  expect_refused(run_layout(file, "data=2", "--out no_such_folder/run.toml"), "no_such_folder");
  expect_refused(run_layout(scenario(2, "4", "megatron_core"), "data=2", ""), "software");
}

TEST(Run, SaysThatTokensAreOutsideTheVocabulary) {
  const fs::path tokens = scratch_file("tokens.bin");
  write(tokens, std::string(400, '\x7f'));
  expect_refused(run_layout(scenario(2), "data=2", "--data " + tokens.string()), tokens.string());
}

// 1 MiB: the weights alone need more.
TEST(Run, DoesNotStartWhatIsPredictedNotToFit) {
  const Outcome outcome = run_layout(scenario(1, "0.0001"), "data=1", "");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.err.find("does not fit in device memory"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("optimizer_states"), std::string::npos);
  EXPECT_EQ(outcome.out, "");
}

// `timeout` sends the signal to the program after a second; the run would take hours.
TEST(Run, InterruptedItKeepsTheStepsDone) {
  const fs::path file = scenario(2), run = scratch_file("interrupted.toml"),
                 err = scratch_file("interrupted.err");
  const std::string command = fmt::format(
      "timeout --preserve-status --signal=INT --kill-after=20 1 '{}' run '{}' --layout data=2 "
      "--steps 100000000 --out '{}' > /dev/null 2> '{}'",
      PARAPLAN_BINARY, file.string(), run.string(), err.string());
  const int status = std::system(command.c_str());
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_NE(content_of(err).find("interrupted after "), std::string::npos) << content_of(err);
  EXPECT_NE(content_of(err).find(run.string() + " holds them"), std::string::npos) << content_of(err);
  const RunRecord record = load_run(run);
  EXPECT_FALSE(record.complete);
  EXPECT_GE(record.steps.size(), 1U);
  EXPECT_EQ(record.ranks.size(), 2U);
}

TEST(EmulatedRun, RunsAPlanOfFarMoreRanksThanTheMachineHas) {
  const fs::path file = scenario(8), out = scratch_file("emulated.toml");
  const std::string layout = "data=2,tensor=2,pipeline=2,micro_batch=1,sequence_parallel=on";
  const Outcome outcome = run_layout(
      file, layout, fmt::format("--emulate-rank all-stages --steps 2 --warmup 1 --out '{}'", out.string()));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("ranks   2 (emulated)"), std::string::npos) << outcome.out;
  EXPECT_EQ(outcome.out.find("loss  "), std::string::npos) << outcome.out;  // it would mean nothing
  const RunRecord run = load_run(out);
  ASSERT_EQ(run.ranks.size(), 2U);
  EXPECT_EQ(run.ranks[0].rank, 0);
  EXPECT_EQ(run.ranks[1].rank, 4);
  EXPECT_EQ(run.ranks[1].stage, 1);
  EXPECT_FALSE(run.stage_ops[0].empty() || run.stage_ops[1].empty());
}

TEST(EmulatedRun, OfOneRankIsCompared) {
  const fs::path file = scenario(4), out = scratch_file("emulated.toml"), plan = scratch_file("plan.toml");
  ASSERT_EQ(run_paraplan(fmt::format("plan '{}' --out '{}'", file.string(), plan.string())).exit_code, 0);
  const Outcome outcome = run_paraplan(
      fmt::format("run '{}' --emulate-rank 3 --steps 2 --warmup 1 --out '{}'", plan.string(), out.string()));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(load_run(out).ranks.at(0).rank, 3);
  const Outcome compared = run_paraplan(fmt::format("compare '{}' '{}' --json", plan.string(), out.string()));
  ASSERT_EQ(compared.exit_code, 0) << compared.err;
  EXPECT_EQ(Json::parse(compared.out).at("pacing_rank"), 3);
}

TEST(EmulatedRun, RefusesWhatItIsNot) {
  expect_refused(run_layout(scenario(2), "data=2,micro_batch=1", "--emulate-rank 2"),
                 "--emulate-rank: \"2\" must be all-stages or a rank of the layout, 0 to 1");
  expect_refused(run_layout(scenario(2), "data=2,micro_batch=1", "--emulate-rank first"),
                 "--emulate-rank: \"first\" must be all-stages or a rank of the layout, 0 to 1");
}

}  // namespace
}  // namespace paraplan
