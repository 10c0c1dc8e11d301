#include "planner/validate/peak_share.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "costmodel/cost_model.h"
#include "costmodel/io/scenario_file.h"
#include "tests/planner/toy_scenario.h"

namespace paraplan {
namespace {

MeasuredRow toy_row(const std::string& id) {
  MeasuredRow row;
  row.id = id;
  row.job = job_of(toy_scenario());
  row.layout = {.data = 8};
  return row;
}

// A prediction's own step, stated as measured, reaches the share that it gives as MFU.
TEST(PeakShare, IsTheMfuWithoutTheMaskedHalf) {
  const Scenario scenario = toy_scenario();
  MeasuredRow row = toy_row("a");
  EXPECT_EQ(achieved_share_of_peak(scenario, row), std::nullopt);
  const auto prediction = std::get<Prediction>(CostModel(scenario).predict(row.layout));
  row.iteration_time_s = prediction.iteration_time_s;
  EXPECT_NEAR(achieved_share_of_peak(scenario, row).value_or(0), prediction.mfu_causal, 1e-12);
  row.iteration_time_s = 2 * prediction.iteration_time_s;
  EXPECT_NEAR(achieved_share_of_peak(scenario, row).value_or(0), prediction.mfu_causal / 2, 1e-12);
}

TEST(PeakShare, FollowsTheRowsClockAndSize) {
  Scenario scenario = toy_scenario();
  scenario.hardware.device.clock_hz.value = 1.4e9;
  MeasuredRow row = toy_row("a");
  row.iteration_time_s = 1;
  const double share = achieved_share_of_peak(scenario, row).value_or(0);
  row.job.cluster.clock_hz = 0.7e9;
  EXPECT_NEAR(achieved_share_of_peak(scenario, row).value_or(0), 2 * share, 1e-12);
  row.job.cluster.nodes = 4;
  EXPECT_NEAR(achieved_share_of_peak(scenario, row).value_or(0), share, 1e-12);
}

// 8708 tokens/s and GPU of Llama-2 7B at a sequence of 4096 on A100s is published; it cannot be.
TEST(PeakShare, OfThePublishedImpossibleRowIsAboveOne) {
  const Scenario scenario = load_scenario(PARAPLAN_SOURCE_DIR "/scenarios/llama2_7b_a100_80.toml");
  MeasuredRow row;
  row.job = job_of(scenario);
  row.layout = {.data = 8, .micro_batch = 4};
  row.tokens_per_s_per_device = 8708;
  EXPECT_NEAR(share_above_peak(scenario, row).value_or(0), 1.195, 0.002);
  row.tokens_per_s_per_device = 4354;
  EXPECT_EQ(share_above_peak(scenario, row), std::nullopt);
}

TEST(PeakShare, OfEveryShippedRowIsWellBelowOne) {
  int64_t shares = 0;
  for (const auto& entry : std::filesystem::directory_iterator(PARAPLAN_SOURCE_DIR "/scenarios")) {
    if (entry.path().extension() != ".toml") continue;
    const Scenario scenario = load_scenario(entry.path());
    if (scenario.measured_path.empty()) continue;
    for (const MeasuredRow& row : load_measured(scenario.measured_path, scenario)) {
      const auto share = achieved_share_of_peak(scenario, row);
      EXPECT_LT(share.value_or(0), 0.7) << scenario.name << " " << row.id;
      shares += share.has_value() ? 1 : 0;
    }
  }
  EXPECT_GT(shares, 100);
}

TEST(PeakShare, RowsAboveThePeakAreTakenOut) {
  MeasuredRow honest = toy_row("honest"), fast = toy_row("fast"), none = toy_row("none");
  honest.iteration_time_s = 1;
  fast.iteration_time_s = 1e-3;
  none.peak_memory_mib = 1000;
  std::vector<MeasuredRow> rows = {honest, fast, none};
  const std::vector<RowAbovePeak> removed = remove_rows_above_peak(toy_scenario(), rows);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].id, "honest");
  EXPECT_EQ(rows[1].id, "none");
  ASSERT_EQ(removed.size(), 1U);
  EXPECT_EQ(removed[0].id, "fast");
  EXPECT_DOUBLE_EQ(removed[0].share, achieved_share_of_peak(toy_scenario(), fast).value_or(0));
  EXPECT_EQ(to_string({{"a", 1.284}, {"b", 2}}),
            "a (128 % of the device's peak), b (200 % of the device's peak)");
}

}  // namespace
}  // namespace paraplan
