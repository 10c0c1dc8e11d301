#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/cli/command.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;

// A scenario in a folder of its own whose device has a memory bandwidth of 3.35 GB/s, where 3350 is meant.
class UnusualProfile : public testing::Test {
 protected:
  UnusualProfile() {
    const fs::path sources = PARAPLAN_SOURCE_DIR, folder = scratch_file("unusual");
    fs::create_directories(folder);
    std::string hardware = content_of(sources / "profiles/hardware/h100_sxm.toml");
    const std::string right = "memory_bandwidth_GBps = { value = 3350";
    const size_t place = hardware.find(right);
    EXPECT_NE(place, std::string::npos);
    hardware.replace(place, right.size(), "memory_bandwidth_GBps = { value = 3.35");
    std::ofstream(folder / "slow.toml") << hardware;
    for (const auto& entry : fs::directory_iterator(sources / "profiles/hardware"))
      if (entry.path().extension() == ".tsv")
        fs::copy_file(entry.path(), folder / entry.path().filename(), fs::copy_options::overwrite_existing);
    const auto shipped = [&](const char* file) { return (sources / file).string(); };
    scenario_ = folder / "job.toml";
    std::ofstream(scenario_) << fmt::format(
        "model = \"{}\"\nhardware = \"slow.toml\"\nsoftware = \"{}\"\n[cluster]\nnodes = 1\ndevices_per_node "
        "= 8\n"
        "[training]\nseq_length = 512\nglobal_batch = 16\nprecision = \"bf16\"\n",
        shipped("scenarios/models/gpt2_345m.toml"), shipped("profiles/software/megatron_core.toml"));
  }

  void expect_warning(const Outcome& outcome) {
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(outcome.err.find("paraplan: warning: "), 0U) << outcome.err;
    const std::string text =
        ": device.memory_bandwidth_GBps: 3.35 GB/s is far below the 600 to 8000 GB/s of shipped profiles; "
        "the "
        "unit is GB/s\n";
    const size_t first = outcome.err.find(text);
    EXPECT_NE(first, std::string::npos) << outcome.err;
    EXPECT_EQ(outcome.err.find(text, first + 1), std::string::npos) << "told twice: " << outcome.err;
    EXPECT_NE(outcome.err.find("slow.toml:"), std::string::npos) << outcome.err;
  }

  fs::path scenario_;
};

TEST_F(UnusualProfile, IsToldByEveryCommandThatReadsIt) {
  const std::string layout = " --layout data=8,tensor=1,pipeline=1,micro_batch=1";
  expect_warning(run_paraplan("plan " + scenario_.string()));
  expect_warning(run_paraplan("plan --json " + scenario_.string()));
  expect_warning(run_paraplan("predict " + scenario_.string() + layout));
  expect_warning(run_paraplan("sweep --vary devices=4,8 " + scenario_.string()));
  const fs::path rows = scratch_file("unusual_rows.tsv");
  std::ofstream(rows) << "id\tdata\ttensor\tpipeline\tmicro_batch\titeration_time_s\n"
                         "one\t8\t1\t1\t1\t1\ntwo\t8\t1\t1\t2\t1\n";
  expect_warning(run_paraplan(fmt::format("validate {} --measured {}", scenario_.string(), rows.string())));
}

TEST(UnusualOverride, IsToldBySweep) {
  const Outcome outcome = run_paraplan(
      "sweep scenarios/llama2_7b_h100.toml --vary hardware.device.memory_bandwidth_GBps=3.35,3350");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(
      outcome.err,
      "paraplan: warning: command line: hardware.device.memory_bandwidth_GBps: 3.35 GB/s is far below the "
      "600 to 8000 GB/s of shipped profiles; the unit is GB/s\n");
}

}  // namespace
}  // namespace paraplan
