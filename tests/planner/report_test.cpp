#include "planner/report/report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/planner/toy_scenario.h"

namespace paraplan {
namespace {

double sum_of(const nlohmann::json& object) {
  double sum = 0;
  for (const auto& value : object) sum += value.get<double>();
  return sum;
}

PlanResult plan_of(const Scenario& scenario) {
  SearchOptions options;
  options.top = 3;
  return search_layouts(scenario, options);
}

TEST(PredictionJson, HoldsWhatScriptsRelyOn) {
  const Scenario scenario = toy_scenario();
  const Layout layout{.data = 2, .tensor = 2, .pipeline = 2, .micro_batch = 2, .recompute = Recompute::full};
  const Prediction prediction = std::get<Prediction>(CostModel(scenario).predict(layout));
  const auto json = nlohmann::json::parse(prediction_json(scenario, prediction));
  EXPECT_EQ(json["layout"]["tensor"], 2);
  EXPECT_EQ(json["layout"]["recompute"], "full");
  EXPECT_EQ(json["layout"]["placement"], "tensor-context-data-pipeline");
  EXPECT_EQ(json["layout_argument"], "data=2,tensor=2,pipeline=2,micro_batch=2,recompute=full");
  EXPECT_EQ(json["fits"], prediction.fit == Fit::fits);
  EXPECT_EQ(json["iteration_time_s"], prediction.iteration_time_s);
  for (const char* key : {"samples_per_s", "tokens_per_s_per_device", "mfu"}) EXPECT_GT(json[key], 0) << key;
  EXPECT_EQ(json["mfu_causal"], prediction.mfu_causal);
  EXPECT_NEAR(sum_of(json["breakdown"]), prediction.iteration_time_s, 1e-9 * prediction.iteration_time_s);
  EXPECT_NEAR(sum_of(json["memory"]), prediction.peak_memory_bytes, 1e-9 * prediction.peak_memory_bytes);
  EXPECT_EQ(json["stages"].size(), 2U);
}

TEST(PlanJson, HoldsWhatScriptsRelyOn) {
  const Scenario scenario = toy_scenario();
  const PlanResult plan = plan_of(scenario);
  const auto json = nlohmann::json::parse(plan_json(scenario, plan));
  EXPECT_EQ(json["evaluated"], plan.evaluated);
  EXPECT_EQ(json["feasible"], plan.feasible);
  EXPECT_GE(json["seconds"], 0);
  EXPECT_EQ(json["layouts"].size(), 3U);
  EXPECT_EQ(json["layouts"][0]["fits"], true);
  int64_t rejected = 0;
  for (const auto& count : json["rejected"]) rejected += count.get<int64_t>();
  EXPECT_EQ(rejected + plan.feasible, plan.evaluated);
}

TEST(PlanReport, NamesTheClosestLayoutWhenNothingFits) {
  Scenario scenario = toy_scenario();
  scenario.hardware.device.memory_bytes.value = 1e8;
  const std::string text = plan_report(scenario, plan_of(scenario));
  EXPECT_NE(text.find("no layout fits"), std::string::npos);
  EXPECT_NE(text.find("does not fit in device memory"), std::string::npos);
  EXPECT_NE(text.find("Closest to fitting of those that do not: data="), std::string::npos);
}

TEST(PlanReport, ShowsTheColumnsThatTellLayoutsApart) {
  Scenario scenario = toy_scenario();
  EXPECT_EQ(plan_report(scenario, plan_of(scenario)).find("schedule"), std::string::npos);
  scenario.search.schedule = {PipelineSchedule::gpipe};
  EXPECT_NE(plan_report(scenario, plan_of(scenario)).find("gpipe"), std::string::npos);
}

TEST(PredictionReport, SaysWhatMfuCounts) {
  Scenario scenario = toy_scenario();
  const auto report = [&scenario] {
    return prediction_report(scenario, std::get<Prediction>(CostModel(scenario).predict({.data = 8})));
  };
  const auto prediction = std::get<Prediction>(CostModel(scenario).predict({.data = 8}));
  const std::string both = format_percent(prediction.mfu) + " %  (attention counted in full; " +
                           format_percent(prediction.mfu_causal) + " % without its masked half)\n";
  EXPECT_NE(report().find(both), std::string::npos) << report();
  scenario.model.kinds[0].attention.causal = false;
  EXPECT_EQ(report().find("masked"), std::string::npos);
}

TEST(PredictionReport, ShowsAtMostEightStages) {
  Scenario scenario = toy_scenario();
  scenario.model.resize(16);
  scenario.cluster.nodes = 4;
  const Layout layout{.pipeline = 16};
  const std::string text =
      prediction_report(scenario, std::get<Prediction>(CostModel(scenario).predict(layout)));
  std::istringstream line(text.substr(text.find("\n  stage ") + 1));
  std::vector<std::string> words(9);
  for (std::string& word : words) line >> word;
  EXPECT_EQ(words, (std::vector<std::string>{"stage", "0", "2", "4", "6", "8", "10", "12", "15"}));
}

}  // namespace
}  // namespace paraplan
