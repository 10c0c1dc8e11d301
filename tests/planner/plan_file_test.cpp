#include "planner/plan_file.h"

#include <gtest/gtest.h>

#include "planner/digest.h"
#include "tests/planner/toy_scenario.h"

namespace paraplan {
namespace {

PricedLayout priced(const Scenario& scenario, const Layout& layout) {
  return {scenario.cluster, std::get<Prediction>(CostModel(scenario).predict(layout))};
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

}  // namespace
}  // namespace paraplan
