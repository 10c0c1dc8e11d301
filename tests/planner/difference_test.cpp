#include "planner/check/difference.h"

#include <gtest/gtest.h>

#include <cmath>

#include "costmodel/cost_model.h"
#include "costmodel/io/text/layout_text.h"
#include "tests/planner/toy_scenario.h"

namespace paraplan {
namespace {

Prediction predicted(const Scenario& scenario, const std::string& layout) {
  return std::get<Prediction>(CostModel(scenario).predict(parse_layout(layout, "test")));
}

TEST(Difference, FindsWhatTheRunDidOtherwise) {
  const Scenario scenario = toy_scenario();
  const Prediction plan = predicted(scenario, "data=4,tensor=2,micro_batch=2");
  const Prediction run = predicted(scenario, "data=4,tensor=2,micro_batch=2,recompute=full");
  const Difference difference = explain_difference(scenario, plan, run.iteration_time_s);
  ASSERT_FALSE(difference.ways.empty());
  EXPECT_EQ(difference.ways.front().what, "all layers are recomputed");
  EXPECT_DOUBLE_EQ(difference.ways.front().step_s, run.iteration_time_s);
}

TEST(Difference, EachPartAloneWouldReachTheMeasuredTime) {
  const Scenario scenario = toy_scenario();
  const Prediction plan = predicted(scenario, "data=4,tensor=2,micro_batch=2");
  for (const double measured_s : {0.9 * plan.iteration_time_s, 1.5 * plan.iteration_time_s}) {
    const Difference difference = explain_difference(scenario, plan, measured_s);
    ASSERT_FALSE(difference.parts.empty());
    double last = 0;
    for (const PartFactor& part : difference.parts) {
      EXPECT_NEAR(plan.iteration_time_s + part.seconds * (part.factor - 1), measured_s, 1e-9);
      EXPECT_GE(std::abs(std::log(part.factor)), last);
      last = std::abs(std::log(part.factor));
    }
    for (const OtherWay& way : difference.ways)
      EXPECT_LT(std::abs(way.step_s - measured_s), std::abs(plan.iteration_time_s - measured_s));
  }
}

}  // namespace
}  // namespace paraplan
