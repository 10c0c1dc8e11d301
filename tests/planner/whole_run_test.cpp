#include "planner/search/whole_run.h"

#include <gtest/gtest.h>

#include <cmath>

#include "planner/search/plan_layouts.h"
#include "tests/planner/toy_scenario.h"

namespace paraplan {
namespace {

PricedLayout best_of(const Scenario& scenario) {
  return plan_layouts(scenario, {.top = 1}).layouts.at(0);
}

TEST(WholeRun, CountsWholeSteps) {
  Scenario scenario = toy_scenario();  // 32 samples of 1024 tokens
  const PricedLayout best = best_of(scenario);
  const WholeRun run = whole_run(scenario, best, 32 * 1024 * 10 + 1);
  EXPECT_EQ(run.steps, 11);
  EXPECT_DOUBLE_EQ(run.seconds, 11 * best.prediction.iteration_time_s);
  EXPECT_DOUBLE_EQ(run.device_hours, run.seconds / 3600 * 8);
  EXPECT_FALSE(run.cost);
  scenario.cluster.price_per_device_hour = 2.5;
  EXPECT_DOUBLE_EQ(whole_run(scenario, best, 1e9).cost.value(),
                   whole_run(scenario, best, 1e9).device_hours * 2.5);
}

TEST(WholeRun, TheLongestStepMeetsEveryGoalAndALongerOneDoesNot) {
  Scenario scenario = toy_scenario();
  scenario.cluster.price_per_device_hour = 2.5;
  PricedLayout best = best_of(scenario);
  const double tokens = 1e9;
  const WholeRun run = whole_run(scenario, best, tokens);
  const RunGoals goals[] = {{.tokens = tokens, .deadline_s = run.seconds / 2},
                            {.tokens = tokens, .max_cost = *run.cost / 2},
                            {.min_mfu = best.prediction.mfu * 2}};
  const double half = best.prediction.iteration_time_s / 2;
  for (const RunGoals& goal : goals) {
    EXPECT_NEAR(longest_step_s(scenario, scenario.cluster, goal), half, 1e-9 * half);
    EXPECT_EQ(missed_goals(scenario, best, goal).size(), 1U);
  }
  EXPECT_TRUE(std::isinf(longest_step_s(scenario, scenario.cluster, {.tokens = tokens})));
  EXPECT_TRUE(missed_goals(scenario, best, {.tokens = tokens, .deadline_s = run.seconds * 1.01}).empty());
}

TEST(WholeRun, TheCheapestLayoutThatMeetsTheDeadlineIsPlanned) {
  const Scenario scenario = toy_scenario();
  SearchOptions options{.objective = Objective::cost, .top = 3};
  const double tokens = 1e9;
  const PricedLayout cheapest = plan_layouts(scenario, options).layouts.at(0);
  const double deadline_s = whole_run(scenario, cheapest, tokens).seconds * 0.9;
  const RunGoals goals{.tokens = tokens, .deadline_s = deadline_s};
  const PlanResult plan = plan_for_goals(scenario, options, goals);
  ASSERT_FALSE(plan.layouts.empty());
  for (const PricedLayout& layout : plan.layouts)
    EXPECT_LE(whole_run(scenario, layout, tokens).seconds, deadline_s);
  EXPECT_GE(objective_value(scenario, Objective::cost, plan.layouts[0].prediction),
            objective_value(scenario, Objective::cost, cheapest.prediction));
}

TEST(WholeRun, WithoutALayoutThatMeetsThemAllIsPlanned) {
  const Scenario scenario = toy_scenario();
  const PlanResult plan = plan_for_goals(scenario, {.top = 1}, {.min_mfu = 0.99});
  ASSERT_EQ(plan.layouts.size(), 1U);
  EXPECT_EQ(plan.layouts[0].prediction.layout, best_of(scenario).prediction.layout);
}

}  // namespace
}  // namespace paraplan
