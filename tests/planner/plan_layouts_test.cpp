#include "planner/search/plan_layouts.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "planner/search/search_space.h"
#include "tests/planner/toy_scenario.h"

namespace paraplan {
namespace {

SearchOptions best_only() {
  SearchOptions options;
  options.top = 1;
  return options;
}

// The toy on devices so small that nothing fits unless something goes to the host.
Scenario starved_scenario() {
  Scenario scenario = toy_scenario();
  scenario.hardware.device.memory_bytes.value = 2.2e9;
  scenario.hardware.host.memory_bytes.value = 1e12;
  return scenario;
}

TEST(PlanLayouts, IsThePlainSearchWhereSomethingFits) {
  const PlanResult plain = search_layouts(toy_scenario(), best_only());
  const PlanResult plan = plan_layouts(toy_scenario(), best_only());
  EXPECT_EQ(plan.evaluated, plain.evaluated);
  EXPECT_TRUE(plan.widened.empty());
  EXPECT_FALSE(plan.remedy);
}

TEST(PlanLayouts, SearchesOffloadBeforeItSaysThatNothingFits) {
  const Scenario scenario = starved_scenario();
  ASSERT_TRUE(search_layouts(scenario, best_only()).layouts.empty());
  const PlanResult plan = plan_layouts(scenario, best_only());
  ASSERT_FALSE(plan.layouts.empty());
  EXPECT_EQ(plan.widened, (std::vector<std::string>{"context", "offload"}));
  const Layout& best = plan.layouts.front().prediction.layout;
  EXPECT_TRUE(best.offload != Offload::none || best.context > 1) << to_string(best);
}

TEST(PlanLayouts, NamesTheLimitWithoutWhichSomethingFits) {
  Scenario scenario = toy_scenario();
  scenario.hardware.device.memory_bytes.value = 6e9;
  scenario.search.zero_stage = {0};
  scenario.search.pipeline = {1};
  scenario.search.tensor = {1};
  scenario.search.context = {1};
  scenario.search.offload = {Offload::none};
  const PlanResult plan = plan_layouts(scenario, best_only());
  EXPECT_TRUE(plan.layouts.empty());
  EXPECT_TRUE(plan.widened.empty());
  ASSERT_TRUE(plan.remedy.has_value());
  EXPECT_EQ(plan.remedy->limit, "search.zero_stage");
  const Layout& layout = plan.remedy->layout.prediction.layout;
  EXPECT_GT(layout.zero_stage, 0);
  EXPECT_EQ(layout.tensor, 1);
}

TEST(PlanLayouts, TriesEachLimitBeforeItWidensTheSearch) {
  Scenario scenario = toy_scenario();
  scenario.hardware.host.memory_bytes.value = 1e12;
  scenario.search.recompute = {Recompute::none};
  scenario.search.zero_stage = {0};
  scenario.search.pipeline = {1};
  scenario.search.tensor = {1};
  const auto lifts = {+[](SearchSpace& space) { space.recompute.clear(); },
                      +[](SearchSpace& space) { space.zero_stage.clear(); },
                      +[](SearchSpace& space) { space.pipeline.clear(); },
                      +[](SearchSpace& space) { space.tensor.clear(); }};
  int widened = 0, plain = 0;
  for (double bytes = 1e9; bytes < 6e9; bytes += 1e8) {
    scenario.hardware.device.memory_bytes.value = bytes;
    const PlanResult plan = plan_layouts(scenario, best_only());
    if (!plan.layouts.empty() || !plan.remedy) continue;
    ++(plan.remedy->widened.empty() ? plain : widened);
    const bool one_would_do = std::ranges::any_of(lifts, [&](const auto lift) {
      Scenario relaxed = scenario;
      lift(relaxed.search);
      return !search_layouts(relaxed, best_only()).layouts.empty();
    });
    EXPECT_EQ(plan.remedy->widened.empty(), one_would_do) << bytes << " " << plan.remedy->limit;
  }
  EXPECT_GT(widened, 0);
  EXPECT_GT(plain, 0);
}

TEST(SearchSpace, ShardsStatesOverContextRanksWithoutDataRanks) {
  Scenario scenario = toy_scenario();
  scenario.search.context = {8};
  const std::vector<Layout> layouts = enumerate_layouts(scenario);
  EXPECT_TRUE(std::ranges::any_of(
      layouts, [](const Layout& layout) { return layout.data == 1 && layout.zero_stage == 3; }));
}

TEST(PlanLayouts, KeepsTheLimitsThatTheUserSet) {
  Scenario scenario = starved_scenario();
  scenario.search.offload = {Offload::none};
  const WidenedScenario wide = widened(scenario);
  EXPECT_EQ(wide.scenario.search.offload, std::vector<Offload>{Offload::none});
  EXPECT_EQ(wide.settings, std::vector<std::string>{"context"});
}

TEST(Search, LeavesOutWhatIsAtTheEdgeOfMemory) {
  Scenario scenario = toy_scenario();
  scenario.search.headroom = 0;
  const Prediction fastest = search_layouts(scenario, best_only()).layouts.front().prediction;
  // A device on which the fastest layout leaves 2 %.
  scenario.hardware.device.memory_bytes.value = fastest.device_memory_bytes / 0.98;
  EXPECT_EQ(search_layouts(scenario, best_only()).layouts.front().prediction.layout, fastest.layout);
  scenario.search.headroom = 0.05;
  const PlanResult roomy = search_layouts(scenario, best_only());
  EXPECT_NE(roomy.layouts.front().prediction.layout, fastest.layout);
  EXPECT_GT(roomy.left_out, 0);
  ASSERT_TRUE(roomy.best_left_out.has_value());
  EXPECT_EQ(roomy.best_left_out->prediction.layout, fastest.layout);
  EXPECT_EQ(roomy.rejected.at("tight in device memory").layouts, roomy.left_out);
}

}  // namespace
}  // namespace paraplan
