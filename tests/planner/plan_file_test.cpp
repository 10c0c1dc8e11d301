#include "planner/plan_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "costmodel/input_error.h"
#include "costmodel/io/plan_file.h"
#include "planner/digest.h"
#include "tests/planner/toy_scenario.h"

namespace paraplan {
namespace {

PricedLayout priced(const Scenario& scenario, const Layout& layout) {
  return {scenario.cluster, std::get<Prediction>(CostModel(scenario).predict(layout))};
}

// A folder of this test's own, removed at its end.
class Folder {
 public:
  Folder() { std::filesystem::create_directories(path_); }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
    return path_ / name;
  }

 private:
  std::filesystem::path path_ =
      std::filesystem::temp_directory_path() /
      (std::string("paraplan_") + testing::UnitTest::GetInstance()->current_test_info()->name());
};

std::string error_of(const std::filesystem::path& file) {
  try {
    load_plan(file);
  } catch (const InputError& error) {
    return std::string(error.what()).substr(file.parent_path().string().size() + 1);
  }
  return "";
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST(PlanFile, HoldsTheLayoutAndTheDigestOfItsInputs) {
  Scenario scenario = toy_scenario();
  scenario.path = "folder/a \"toy\".toml";
  const Layout layout{
      .data = 4, .tensor = 2, .micro_batch = 2, .recompute = Recompute::selective, .zero_stage = 1};
  const std::string text = plan_file_text(scenario, priced(scenario, layout));
  EXPECT_TRUE(has_line(text, "scenario_file = \"folder/a \\\"toy\\\".toml\"")) << text;
  EXPECT_TRUE(has_line(text, "digest = \"" + scenario_digest(scenario) + "\"")) << text;
  EXPECT_TRUE(has_line(text, "tensor = 2"));
  EXPECT_TRUE(has_line(text, "recompute = \"selective\""));
  EXPECT_TRUE(has_line(text, "zero_stage = 1"));
  EXPECT_EQ(text, plan_file_text(scenario, priced(scenario, layout)));
}

// A plan on part of the cluster has the digest of that part.
TEST(PlanFile, DigestIsOfTheDevicesUsed) {
  const Scenario scenario = toy_scenario();
  Scenario half = scenario;
  half.cluster.nodes = 1;
  const std::string text = plan_file_text(scenario, priced(half, {.data = 4}));
  EXPECT_TRUE(has_line(text, "digest = \"" + scenario_digest(half) + "\"")) << text;
  EXPECT_TRUE(has_line(text, "nodes = 1"));
}

TEST(PlanFile, ReadsBackExactly) {
  const Folder folder;
  Scenario scenario = toy_scenario();
  scenario.path = folder.write("toy.toml", "");
  scenario.cluster.clock_hz = 1.41e9 / 3;
  scenario.cluster.price_per_device_hour = 0.1;
  const Layout layout{.data = 2,
                      .pipeline = 4,
                      .virtual_stages = 2,
                      .recompute = Recompute::layers,
                      .recompute_layers = 1,
                      .schedule = PipelineSchedule::interleaved,
                      .placement = {Axis::data, Axis::tensor, Axis::context, Axis::pipeline}};
  const PricedLayout plan = priced(scenario, layout);
  const std::string text = plan_file_text(scenario, plan);
  const PlanFile read = load_plan(folder.write("plan.toml", text));
  EXPECT_EQ(plan_text(read), text);
  EXPECT_EQ(read.layout, layout);
  EXPECT_EQ(read.cluster, scenario.cluster);
  EXPECT_EQ(read.scenario_file, scenario.path);
  EXPECT_EQ(read.iteration_time_s, plan.prediction.iteration_time_s);
  EXPECT_EQ(read.breakdown, plan.prediction.breakdown);
  EXPECT_EQ(read.memory, plan.prediction.memory);
}

// The scenario is named as the command line named it, perhaps from another folder.
TEST(PlanFile, FindsTheScenarioBesideIt) {
  const Folder folder;
  Scenario scenario = toy_scenario();
  scenario.path = "paraplan_beside.toml";
  const auto plan = folder.write("plan.toml", plan_file_text(scenario, priced(scenario, {.data = 8})));
  EXPECT_EQ(error_of(plan).substr(0, 79),
            "plan.toml:2: scenario_file: there is no file paraplan_beside.toml, nor " +
                plan.parent_path().string().substr(0, 8));
  const auto beside = folder.write("paraplan_beside.toml", "");
  EXPECT_EQ(load_plan(plan).scenario_file, beside);
}

TEST(PlanFile, RefusesWhatIsNoPlan) {
  const Folder folder;
  Scenario scenario = toy_scenario();
  scenario.path = folder.write("toy.toml", "");
  std::string text = plan_file_text(scenario, priced(scenario, {.data = 8}));
  text.replace(text.find("virtual_stages = 1"), 18, "virtual_stages = 2");
  EXPECT_EQ(error_of(folder.write("plan.toml", text)),
            "plan.toml:21: layout.schedule: must be interleaved for virtual_stages=2, is 1f1b");
  text.erase(text.find("placement = "),
             text.find('\n', text.find("placement = ")) + 1 - text.find("placement"));
  EXPECT_EQ(error_of(folder.write("plan.toml", text)).substr(0, 42),
            "plan.toml:9: layout.placement: missing; mu");
}

}  // namespace
}  // namespace paraplan
