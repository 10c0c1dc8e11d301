#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

#include "costmodel/io/profiles/profiles.h"
#include "tests/cli/command.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& file, const std::string& text) {
  std::ofstream(file) << text;
}

// Two ranks, one micro-batch size: a handful of shapes.
fs::path scenario() {
  const fs::path root = PARAPLAN_SOURCE_DIR, file = scratch_file("small.toml");
  write(scratch_file("small_model.toml"),
        "family = \"llama\"\nlayers = 2\nhidden = 32\nheads = 4\nkv_heads = 2\nffn = 48\nvocab = 64\n"
        "tied_embeddings = false\nsource = \"small enough for a test\"\n");
  write(file,
        fmt::format("model = \"small_model.toml\"\nhardware = \"{0}/profiles/hardware/generic_cpu.toml\"\n"
                    "software = \"{0}/profiles/software/paraplan.toml\"\n\n[cluster]\nnodes = 1\n"
                    "devices_per_node = 2\n\n[training]\nseq_length = 16\nglobal_batch = 4\n"
                    "precision = \"fp32\"\n\n[search]\nmicro_batch = [1]\ncontext = [1]\n",
                    root.string()));
  return file;
}

Outcome profile(const std::string& options) {
  return run_paraplan("profile " + options);
}

TEST(Profile, MeasuresWhatAScenarioNeedsOnce) {
  const fs::path out = scratch_file("measured.toml");
  fs::remove(out);
  const std::string options =
      fmt::format("--ranks 2 --budget-s 1 --for '{}' --out '{}'", scenario().string(), out.string());
  const Outcome first = profile(options);
  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_NE(first.err.find("data=1,tensor=2,pipeline=1,micro_batch=1: to measure: "), std::string::npos)
      << first.err;
  const HardwareProfile measured = load_hardware(out);
  ASSERT_TRUE(measured.measured_on);
  EXPECT_EQ(measured.measured_on->transport, "threads");
  EXPECT_FALSE(measured.device.op_samples.empty());
  EXPECT_FALSE(measured.node.samples.empty());
  // On a busy machine the budget may not reach all shapes at once; what is there is not measured again.
  constexpr int kMostRuns = 10;
  Outcome last = first;
  for (int i = 0; i < kMostRuns && last.err.find("to measure") != std::string::npos; ++i)
    last = profile(options);
  EXPECT_EQ(last.exit_code, 0) << last.err;
  EXPECT_EQ(last.err.find("to measure"), std::string::npos) << last.err;
  EXPECT_GE(load_hardware(out).device.op_samples.size(), measured.device.op_samples.size());
}

TEST(Profile, SaysThatTheMachineWasBusy) {
  const fs::path out = scratch_file("busy.toml");
  const BusyNeighbours neighbours;
  const Outcome outcome =
      profile(fmt::format("--ranks 1 --budget-s 1 --for '{}' --out '{}'", scenario().string(), out.string()));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("\nmachine load beside 1 rank: other processes used "), std::string::npos)
      << outcome.out;
  EXPECT_NE(outcome.err.find("paraplan: warning: other processes used "), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find(" while 1 rank was measured; times may be longer"), std::string::npos);
  const std::optional<MachineLoad> load = load_hardware(out).measured_on->load;
  ASSERT_TRUE(load);
  EXPECT_GT(load->others_cores, 0.05);
}

// As README has it: the scenario already names the profile that is to be measured.
TEST(Profile, MeasuresForAScenarioThatNamesItsOutput) {
  const fs::path file = scenario(), out = scratch_file("mine.toml");
  fs::remove(out);
  std::string text = content_of(file);
  for (const char* setting : {"hardware = \"mine.toml\"", "devices_per_node = 1"}) {
    const std::string key = std::string(setting).substr(0, std::string(setting).find('=') + 1);
    const size_t line = text.find(key);
    text.replace(line, text.find('\n', line) - line, setting);
  }
  write(file, text);
  const std::string options = fmt::format("--budget-s 0.5 --for '{}' --out", file.string());
  const Outcome other = profile(fmt::format("{} '{}'", options, scratch_file("yours.toml").string()));
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_NE(other.err.find("hardware: there is no mine.toml in "), std::string::npos) << other.err;
  const Outcome outcome = profile(fmt::format("{} '{}'", options, out.string()));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("to measure: "), std::string::npos) << outcome.err;
  EXPECT_TRUE(load_hardware(out).measured_on);
  const Outcome planned = run_paraplan(fmt::format("plan '{}'", file.string()));
  EXPECT_EQ(planned.exit_code, 0) << planned.err;
}

TEST(Profile, RefusesWrongInput) {
  const std::string out = fmt::format("--out '{}'", scratch_file("none.toml").string());
  const auto refused = [](const Outcome& outcome, const char* text) {
    EXPECT_EQ(outcome.exit_code, 2) << outcome.err;
    EXPECT_NE(outcome.err.find(text), std::string::npos) << outcome.err;
  };
  refused(profile("--device tpu " + out), "there is no device \"tpu\"; known: cpu, cuda");
  refused(profile("--device cuda --ranks 2 " + out), "--ranks");
  refused(profile("--device cuda --for nothing.toml " + out), "nothing.toml");
  refused(profile("--budget-s 0 " + out), "--budget-s");
  refused(profile("--ranks 0 " + out), "--ranks");
  refused(profile("--for nothing.toml " + out), "nothing.toml");
  refused(profile(""), "--out");
  EXPECT_FALSE(fs::exists(scratch_file("none.toml")));
}

}  // namespace
}  // namespace paraplan
