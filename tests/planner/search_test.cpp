#include "planner/search/search.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "planner/report/report.h"
#include "planner/search/search_space.h"
#include "tests/planner/toy_scenario.h"

namespace paraplan {
namespace {

SearchOptions options_with(Objective objective, int64_t top = 10, int threads = 1) {
  SearchOptions options;
  options.objective = objective;
  options.top = top;
  options.threads = threads;
  return options;
}

// Every layout of the whole cluster that fits, priced one by one with a fresh model.
std::vector<Prediction> all_that_fit(const Scenario& scenario) {
  std::vector<Prediction> fitting;
  for (const Layout& layout : enumerate_layouts(scenario)) {
    const PredictionResult result = CostModel(scenario).predict(layout);
    const auto* prediction = std::get_if<Prediction>(&result);
    if (prediction != nullptr && prediction->fit == Fit::fits) fitting.push_back(*prediction);
  }
  return fitting;
}

TEST(Search, FindsTheBestOfAnExhaustiveLoop) {
  const Scenario scenario = toy_scenario();
  const std::vector<Prediction> fitting = all_that_fit(scenario);
  ASSERT_GT(fitting.size(), 10U);
  const auto fastest = std::ranges::min_element(fitting, {}, &Prediction::iteration_time_s);
  const auto smallest = std::ranges::min_element(fitting, {}, &Prediction::peak_memory_bytes);

  const PlanResult by_time = search_layouts(scenario, options_with(Objective::time));
  EXPECT_EQ(by_time.layouts.front().prediction.iteration_time_s, fastest->iteration_time_s);
  EXPECT_EQ(by_time.feasible, static_cast<int64_t>(fitting.size()));
  const PlanResult by_memory = search_layouts(scenario, options_with(Objective::memory));
  EXPECT_EQ(by_memory.layouts.front().prediction.peak_memory_bytes, smallest->peak_memory_bytes);
}

TEST(Search, DoesNotDependOnTheNumberOfThreads) {
  const Scenario scenario = toy_scenario();
  for (const Objective objective : {Objective::time, Objective::memory, Objective::cost}) {
    PlanResult one = search_layouts(scenario, options_with(objective, 50, 1));
    PlanResult many = search_layouts(scenario, options_with(objective, 50, 7));
    one.seconds = many.seconds = 0;
    EXPECT_EQ(plan_json(scenario, one), plan_json(scenario, many));
  }
}

TEST(Search, ReturnsTheTopInOrder) {
  const PlanResult plan = search_layouts(toy_scenario(), options_with(Objective::time, 20));
  ASSERT_EQ(plan.layouts.size(), 20U);
  const auto time = [](const PricedLayout& priced) { return priced.prediction.iteration_time_s; };
  EXPECT_TRUE(std::ranges::is_sorted(plan.layouts, {}, time));
  const PlanResult best = search_layouts(toy_scenario(), options_with(Objective::time, 1));
  ASSERT_EQ(best.layouts.size(), 1U);
  EXPECT_EQ(best.layouts.front().prediction.layout, plan.layouts.front().prediction.layout);
}

TEST(Search, CountsEveryLayoutOnce) {
  Scenario scenario = toy_scenario();
  scenario.search.micro_batch = {1, 2, 3};  // 3 does not divide the batch
  const PlanResult plan = search_layouts(scenario, options_with(Objective::time));
  int64_t rejected = 0;
  for (const auto& [reason, rejection] : plan.rejected) {
    EXPECT_FALSE(rejection.example.empty()) << reason;
    rejected += rejection.layouts;
  }
  const std::vector<Layout> all = enumerate_layouts(scenario);
  EXPECT_GE(rejected, std::ranges::count(all, 3, &Layout::micro_batch));
  EXPECT_EQ(plan.evaluated, plan.feasible + rejected);
}

TEST(Search, SaysHowMuchMemoryIsLacking) {
  Scenario scenario = toy_scenario();
  scenario.hardware.device.memory_bytes.value = 1e8;
  const PlanResult plan = search_layouts(scenario, options_with(Objective::time));
  EXPECT_EQ(plan.feasible, 0);
  EXPECT_TRUE(plan.layouts.empty());
  const Rejection& rejection = plan.rejected.at("does not fit in device memory");
  EXPECT_GT(rejection.least_lacking_bytes, 0);
  EXPECT_GE(rejection.most_lacking_bytes, rejection.least_lacking_bytes);
  ASSERT_TRUE(plan.closest.has_value());
  EXPECT_EQ(plan.closest_lack.bytes, rejection.least_lacking_bytes);
  const Prediction& closest = plan.closest->prediction;
  EXPECT_EQ(plan.closest_lack.bytes, closest.least_device_memory_bytes - 1e8);
}

TEST(Search, CostConsidersPartsOfTheCluster) {
  Scenario scenario = toy_scenario();
  scenario.cluster.price_per_device_hour = 2;
  const PlanResult plan = search_layouts(scenario, options_with(Objective::cost, 5));
  const PlanResult fastest = search_layouts(scenario, options_with(Objective::time, 1));
  ASSERT_FALSE(plan.layouts.empty());
  // Fewer devices communicate less, so a device-second buys more samples there.
  EXPECT_LT(plan.layouts.front().prediction.layout.devices(), scenario.cluster.devices());
  EXPECT_LT(objective_value(scenario, Objective::cost, plan.layouts.front().prediction),
            objective_value(scenario, Objective::cost, fastest.layouts.front().prediction));
}

TEST(Search, CostIsThePriceOfASample) {
  Scenario scenario = toy_scenario();
  Prediction prediction;
  prediction.layout.data = 8;
  prediction.iteration_time_s = 16;  // 32 samples on 8 devices: 4 device-seconds each
  EXPECT_DOUBLE_EQ(objective_value(scenario, Objective::cost, prediction), 4);
  scenario.cluster.price_per_device_hour = 1.8;
  EXPECT_DOUBLE_EQ(objective_value(scenario, Objective::cost, prediction), 4 * 1.8 / 3600);
  EXPECT_DOUBLE_EQ(objective_value(scenario, Objective::time, prediction), 0.5);
}

TEST(CandidateClusters, AreHalvedNodesAndWholeNodes) {
  const Cluster cluster{.nodes = 3, .devices_per_node = 8};
  std::vector<int64_t> devices;
  for (const Cluster& part : candidate_clusters(cluster, Objective::cost)) devices.push_back(part.devices());
  EXPECT_EQ(devices, (std::vector<int64_t>{1, 2, 4, 8, 16, 24}));
  EXPECT_EQ(candidate_clusters(cluster, Objective::time), std::vector<Cluster>{cluster});
}

TEST(CandidateClusters, ManyNodesAreTakenInSteps) {
  std::vector<int64_t> nodes;
  for (const Cluster& part : candidate_clusters({.nodes = 45, .devices_per_node = 1}, Objective::cost)) {
    if (part.nodes > 14) nodes.push_back(part.nodes);
  }
  EXPECT_EQ(nodes, (std::vector<int64_t>{15, 16, 18, 20, 22, 24, 26, 28, 30, 32, 36, 40, 44, 45}));
}

}  // namespace
}  // namespace paraplan
