// A user's own folder, with nothing of the sources in it or above it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/cli/command.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;

class Elsewhere : public testing::Test {
 protected:
  void SetUp() override {
    for (const fs::path& folder : {own_, other_, moved_}) fs::remove_all(folder);
    for (const fs::path& folder : {own_ / "plans", other_}) fs::create_directories(folder);
  }

  void copy(const std::string& scenario) const {
    fs::copy_file(fs::path(PARAPLAN_SOURCE_DIR) / "scenarios" / scenario, own_ / scenario);
  }

  // A shipped scenario, made short enough for a test.
  void copy_short() const {
    std::string text = content_of(PARAPLAN_SOURCE_DIR "/scenarios/gpt_small_cpu.toml");
    for (const auto& [from, to] : {std::pair("seq_length = 128", "seq_length = 8"),
                                   std::pair("global_batch = 8", "global_batch = 2")}) {
      ASSERT_NE(text.find(from), std::string::npos);
      text.replace(text.find(from), std::string(from).size(), to);
    }
    std::ofstream(own_ / "my.toml") << text;
  }

  const fs::path own_ = scratch_file("own"), other_ = scratch_file("other"), moved_ = scratch_file("moved");
};

TEST_F(Elsewhere, ACopiedScenarioPlansRunsAndCompares) {
  copy_short();
  const Outcome planned = run_paraplan("plan my.toml --out plans/plan.toml", own_);
  ASSERT_EQ(planned.exit_code, 0) << planned.err;
  const std::string plan = (own_ / "plans/plan.toml").string();
  const Outcome ran = run_paraplan(fmt::format("run '{}' --steps 1 --warmup 0 --out run.toml", plan), other_);
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  const Outcome compared = run_paraplan("compare plans/plan.toml ../other/run.toml", own_);
  EXPECT_EQ(compared.exit_code, 0) << compared.err;
  fs::rename(own_, moved_);
  const Outcome after = run_paraplan("compare moved/plans/plan.toml other/run.toml", moved_.parent_path());
  EXPECT_EQ(after.exit_code, 0) << after.err;
  EXPECT_EQ(after.out, compared.out);
}

TEST_F(Elsewhere, APlanIsTheSameFromAnyWorkingFolder) {
  copy_short();
  ASSERT_EQ(run_paraplan("plan my.toml --out plans/a.toml", own_).exit_code, 0);
  ASSERT_EQ(run_paraplan("plan ../own/my.toml --out ../own/plans/b.toml", other_).exit_code, 0);
  EXPECT_EQ(content_of(own_ / "plans/a.toml"), content_of(own_ / "plans/b.toml"));
}

TEST_F(Elsewhere, ACopiedScenarioFindsItsMeasuredRows) {
  copy("megatron2023_gpt2_v100.toml");
  const Outcome outcome = run_paraplan("validate megatron2023_gpt2_v100.toml", own_);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, run_paraplan("validate scenarios/megatron2023_gpt2_v100.toml").out);
}

TEST_F(Elsewhere, SaysWhereItLookedForAName) {
  std::string text = content_of(PARAPLAN_SOURCE_DIR "/scenarios/gpt_small_cpu.toml");
  const std::string model = "\"gpt_small_cpu\"";
  std::ofstream(own_ / "my.toml") << text.replace(text.find(model), model.size(), "\"gpt_smal_cpu\"");
  const Outcome outcome = run_paraplan("plan my.toml", own_);
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_TRUE(outcome.err.starts_with("paraplan: my.toml:2: model: there is no gpt_smal_cpu.toml in " +
                                      std::string(PARAPLAN_SOURCE_DIR) +
                                      "/scenarios/models; did you mean \"gpt_small_cpu\"? There is: "))
      << outcome.err;
}

}  // namespace
}  // namespace paraplan
