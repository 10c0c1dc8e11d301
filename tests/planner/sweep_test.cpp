#include "planner/search/sweep.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "costmodel/base/input_error.h"
#include "tests/planner/toy_scenario.h"

namespace paraplan {
namespace {

std::string error_of(const std::string& variation) {
  try {
    parse_variation(variation, "command line");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(Variation, IsAKeyAndValues) {
  const Variation variation = parse_variation("nodes=1,2,4", "command line");
  EXPECT_EQ(variation.key, "nodes");
  EXPECT_EQ(variation.values, (std::vector<std::string>{"1", "2", "4"}));
}

TEST(Variation, TakesSpacesAndNamesOfOtherPrograms) {
  const Variation variation = parse_variation("gbs = 256, 512", "command line");
  EXPECT_EQ(variation.key, "global_batch");
  EXPECT_EQ(variation.values, (std::vector<std::string>{"256", "512"}));
}

TEST(Variation, SaysWhatIsWrong) {
  EXPECT_EQ(error_of("nodes"), "command line: --vary: must be KEY=V1,V2,..., is \"nodes\"");
  EXPECT_EQ(error_of("=1"), "command line: --vary: must be KEY=V1,V2,..., is \"=1\"");
  EXPECT_EQ(error_of("nodes=1,,2"), "command line: nodes: has an empty value in \"nodes=1,,2\"");
  EXPECT_EQ(error_of("nodes=2,1,2"), "command line: nodes: has the value 2 twice");
}

TEST(Sweep, PlansEveryCombination) {
  const std::vector<SweepPoint> points =
      sweep(toy_scenario(), {{"nodes", {"1", "2"}}, {"seq_length", {"256", "512"}}}, Objective::time, {});
  ASSERT_EQ(points.size(), 4U);
  EXPECT_EQ(points[1].values, (std::vector<Override>{{"nodes", "1"}, {"seq_length", "512"}}));
  EXPECT_EQ(points[2].values, (std::vector<Override>{{"nodes", "2"}, {"seq_length", "256"}}));
  for (const SweepPoint& point : points) {
    ASSERT_EQ(point.plan.layouts.size(), 1U);
    EXPECT_EQ(point.plan.layouts[0].prediction.layout.devices(), point.scenario.cluster.devices());
    const PlanResult alone = search_layouts(point.scenario, {});
    EXPECT_EQ(point.plan.layouts[0].prediction.layout, alone.layouts[0].prediction.layout);
  }
}

TEST(Sweep, ChecksKeysAndThatAnyPointCanBeBeforePlanning) {
  int64_t planned = 0;
  const auto count = [&](int64_t, int64_t) { ++planned; };
  EXPECT_THROW(sweep(toy_scenario(), {{"nodes", {"0", "none"}}}, Objective::time, count), InputError);
  EXPECT_THROW(sweep(toy_scenario(), {{"nodes", {"1"}}, {"colour", {"2"}}}, Objective::time, count),
               InputError);
  EXPECT_THROW(sweep(toy_scenario(), {{"nodes", {"1"}}, {"nodes", {"2"}}}, Objective::time, count),
               InputError);
  EXPECT_EQ(planned, 0);
}

// The other points are planned; the point's cells tell what the error would have said.
TEST(Sweep, AnInvalidValueIsARow) {
  const std::vector<SweepPoint> points =
      sweep(toy_scenario(), {{"nodes", {"1", "none"}}}, Objective::time, {});
  ASSERT_EQ(points.size(), 2U);
  const std::string fault = "command line: nodes: must be an integer from 1 to 2^40, is \"none\"";
  EXPECT_EQ(points[0].fault, "");
  EXPECT_EQ(points[0].plan.layouts.size(), 1U);
  EXPECT_EQ(points[1].fault, fault);
  EXPECT_NE(sweep_report(points).find(fault), std::string::npos);
  const std::string csv = sweep_csv(points);
  EXPECT_NE(
      csv.find(
          "\nnone,,no,,,,,,,,,,\"command line: nodes: must be an integer from 1 to 2^40, is \"\"none\"\"\""),
      std::string::npos)
      << csv;
  const auto json = nlohmann::json::parse(sweep_json(toy_scenario(), points));
  EXPECT_EQ(json["points"][0]["fits"], true);
  EXPECT_EQ(json["points"][1]["fits"], false);
  EXPECT_EQ(json["points"][1]["reason"], fault);
}

// One device is cheapest of all for this model, so each point would be the same if it were free to choose.
TEST(Sweep, CostComparesLayoutsOnTheDevicesThatAreVaried) {
  const std::vector<SweepPoint> points = sweep(toy_scenario(), {{"nodes", {"1", "2"}}}, Objective::cost, {});
  for (const SweepPoint& point : points) {
    ASSERT_EQ(point.plan.layouts.size(), 1U);
    EXPECT_EQ(point.plan.layouts[0].prediction.layout.devices(), point.scenario.cluster.devices());
  }
  EXPECT_NE(sweep_report(points).find("device-s/sample"), std::string::npos);
  EXPECT_NE(sweep_report(points).find("\ncost: of layouts on exactly the devices of each row\n"),
            std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(sweep_json(toy_scenario(), points))["all_devices_used"], true);
}

TEST(Sweep, CostMayUseFewerDevicesWhereTheyAreNotVaried) {
  const std::vector<SweepPoint> points =
      sweep(toy_scenario(), {{"seq_length", {"512"}}}, Objective::cost, {});
  const PlanResult alone = search_layouts(points[0].scenario, {.objective = Objective::cost});
  EXPECT_EQ(points[0].plan.layouts[0].prediction.layout, alone.layouts[0].prediction.layout);
  EXPECT_LT(points[0].plan.layouts[0].prediction.layout.devices(), 8);
  EXPECT_NE(sweep_report(points).find("\ncost: a row may use fewer devices than its cluster has\n"),
            std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(sweep_json(toy_scenario(), points))["all_devices_used"], false);
}

TEST(Sweep, APointWhereNothingFitsIsARow) {
  const std::vector<SweepPoint> points =
      sweep(toy_scenario(), {{"hardware.device.memory_GiB", {"0.1", "32"}}}, Objective::time, {});
  const std::string text = sweep_report(points);
  EXPECT_EQ(std::ranges::count(text, '\n'), 5);
  EXPECT_NE(text.find("\n\n  MFU counts attention in full, with the half that a causal model masks\n"),
            std::string::npos);
  EXPECT_NE(text.find("nothing fits: does not fit in device memory, lacks "), std::string::npos);
  const std::string csv = sweep_csv(points);
  EXPECT_NE(csv.find("\n0.1,8,no,"), std::string::npos);
  EXPECT_NE(csv.find("\n32,8,yes,\"data="), std::string::npos);

  const auto json = nlohmann::json::parse(sweep_json(toy_scenario(), points));
  EXPECT_EQ(json["points"][0]["fits"], false);
  EXPECT_TRUE(json["points"][0]["best"].is_null());
  EXPECT_EQ(json["points"][1]["best"]["fits"], true);
}

// Each line of the CSV has as many cells as the header.
TEST(Sweep, CsvIsRectangular) {
  const std::vector<SweepPoint> points =
      sweep(toy_scenario(), {{"hardware.device.memory_GiB", {"0.1", "32"}}}, Objective::time, {});
  std::istringstream lines(sweep_csv(points));
  std::string line;
  std::vector<int64_t> cells;
  while (std::getline(lines, line)) {
    bool quoted = false;
    int64_t count = 1;
    for (const char c : line) {
      if (c == '"') quoted = !quoted;
      if (c == ',' && !quoted) ++count;
    }
    cells.push_back(count);
  }
  EXPECT_EQ(cells, (std::vector<int64_t>{13, 13, 13}));
}

}  // namespace
}  // namespace paraplan
