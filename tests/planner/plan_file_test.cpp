#include "planner/search/plan_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "costmodel/base/input_error.h"
#include "costmodel/io/plan_file.h"
#include "planner/search/digest.h"
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
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
    return path_ / name;
  }

 private:
  std::filesystem::path path_ =
      std::filesystem::canonical(std::filesystem::temp_directory_path()) /
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

// The plan of a scenario in plan.toml of the same folder.
std::string text_of(const Scenario& scenario, const Layout& layout) {
  return plan_file_text(scenario, priced(scenario, layout),
                        std::filesystem::path(scenario.path).parent_path() / "plan.toml");
}

Scenario scenario_at(const std::filesystem::path& path) {
  Scenario scenario = toy_scenario();
  scenario.path = path.string();
  return scenario;
}

TEST(PlanFile, HoldsTheLayoutAndTheDigestOfItsInputs) {
  const Scenario scenario = scenario_at("folder/a \"toy\".toml");
  const Layout layout{
      .data = 4, .tensor = 2, .micro_batch = 2, .recompute = Recompute::selective, .zero_stage = 1};
  const std::string text = text_of(scenario, layout);
  EXPECT_TRUE(has_line(text, "scenario_file = \"a \\\"toy\\\".toml\"")) << text;
  EXPECT_TRUE(has_line(text, "digest = \"" + scenario_digest(scenario) + "\"")) << text;
  EXPECT_TRUE(has_line(text, "tensor = 2"));
  EXPECT_TRUE(has_line(text, "recompute = \"selective\""));
  EXPECT_TRUE(has_line(text, "zero_stage = 1"));
  EXPECT_EQ(text, text_of(scenario, layout));
}

// A plan on part of the cluster has the digest of that part.
TEST(PlanFile, DigestIsOfTheDevicesUsed) {
  const Scenario scenario = scenario_at("toy.toml");
  Scenario half = scenario;
  half.cluster.nodes = 1;
  const std::string text = plan_file_text(scenario, priced(half, {.data = 4}), "plan.toml");
  EXPECT_TRUE(has_line(text, "digest = \"" + scenario_digest(half) + "\"")) << text;
  EXPECT_TRUE(has_line(text, "nodes = 1"));
}

TEST(PlanFile, ReadsBackExactly) {
  const Folder folder;
  Scenario scenario = scenario_at(folder.write("toy.toml", ""));
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
  const std::string text = text_of(scenario, layout);
  const auto file = folder.write("plan.toml", text);
  const PlanFile read = load_plan(file);
  EXPECT_EQ(plan_text(read, file), text);
  EXPECT_EQ(read.layout, layout);
  EXPECT_EQ(read.cluster, scenario.cluster);
  EXPECT_EQ(read.scenario_file, scenario.path);
  EXPECT_EQ(read.iteration_time_s, plan.prediction.iteration_time_s);
  EXPECT_EQ(read.breakdown, plan.prediction.breakdown);
  EXPECT_EQ(read.memory, plan.prediction.memory);
}

TEST(PlanFile, FindsItsScenarioFromItsOwnFolder) {
  const Folder folder;
  const auto made = folder.path() / "made", plans = made / "plans";
  std::filesystem::create_directories(plans);
  const Scenario scenario = scenario_at(folder.write("made/toy.toml", ""));
  const std::string text = plan_file_text(scenario, priced(scenario, {.data = 8}), plans / "plan.toml");
  EXPECT_TRUE(has_line(text, "scenario_file = \"../toy.toml\"")) << text;
  folder.write("made/plans/plan.toml", text);
  EXPECT_EQ(load_plan(plans / "plan.toml").scenario_file, scenario.path);
  std::filesystem::create_symlink(plans / "plan.toml", folder.path() / "link.toml");
  EXPECT_EQ(load_plan(folder.path() / "link.toml").scenario_file, scenario.path);
  std::filesystem::rename(made, folder.path() / "moved");
  EXPECT_EQ(load_plan(folder.path() / "moved/plans/plan.toml").scenario_file,
            (folder.path() / "moved/toy.toml").string());
  std::filesystem::remove(folder.path() / "moved/toy.toml");
  EXPECT_EQ(error_of(folder.path() / "moved/plans/plan.toml"),
            "plan.toml:2: scenario_file: there is no " + (folder.path() / "moved/toy.toml").string() +
                "; move a plan together with its scenario, or make it again with `paraplan plan`");
}

// Neither would be moved with the other.
TEST(PlanFile, NamesAScenarioOfAnotherTreeByItsWholePath) {
  const Scenario scenario = scenario_at("/scenarios/toy.toml");
  const std::string text = plan_file_text(scenario, priced(scenario, {.data = 8}), "/plans/plan.toml");
  EXPECT_TRUE(has_line(text, "scenario_file = \"/scenarios/toy.toml\"")) << text;
}

// Nobody knows where it will lie.
TEST(PlanFile, ForStandardOutputOrADeviceNamesItsScenarioByItsWholePath) {
  const Folder folder;
  const Scenario scenario = scenario_at(folder.write("toy.toml", ""));
  for (const char* file : {"-", "/dev/null"}) {
    const std::string text = plan_file_text(scenario, priced(scenario, {.data = 8}), file);
    EXPECT_TRUE(has_line(text, "scenario_file = \"" + scenario.path + "\"")) << text;
  }
}

// What lies beside the link is looked for beside the link.
TEST(PlanFile, DoesNotFollowAScenarioThatIsALink) {
  const Folder folder;
  std::filesystem::create_directories(folder.path() / "shared");
  folder.write("shared/toy.toml", "");
  std::filesystem::create_symlink("shared/toy.toml", folder.path() / "my.toml");
  const std::string text = text_of(scenario_at(folder.path() / "my.toml"), {.data = 8});
  EXPECT_TRUE(has_line(text, "scenario_file = \"my.toml\"")) << text;
}

TEST(PlanFile, RefusesWhatIsNoPlan) {
  const Folder folder;
  std::string text = text_of(scenario_at(folder.write("toy.toml", "")), {.data = 8});
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
