#include "planner/validate/validation.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "costmodel/cost_model.h"
#include "planner/report/report_validation.h"
#include "tests/planner/toy_scenario.h"

namespace paraplan {
namespace {

MeasuredRow row_of(const std::string& id, const Layout& layout) {
  MeasuredRow row;
  row.id = id;
  row.job = job_of(toy_scenario());
  row.layout = layout;
  return row;
}

Prediction predicted(const Layout& layout) {
  return std::get<Prediction>(CostModel(toy_scenario()).predict(layout));
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A device with room for all that the layout wants but its allocator's slack.
Scenario tight_scenario(const Layout& layout) {
  Scenario scenario = toy_scenario();
  const Prediction prediction = predicted(layout);
  scenario.hardware.device.memory_bytes.value =
      (prediction.device_memory_bytes + prediction.least_device_memory_bytes) / 2;
  return scenario;
}

ComparedRow time_row(double relative_error) {
  ComparedRow row;
  row.relative_error = relative_error;
  return row;
}

// 32 samples of 1024 tokens on 8 devices.
TEST(MeasuredTime, IsTakenFromWhatTheRowGives) {
  MeasuredRow row = row_of("a", {.data = 8});
  EXPECT_FALSE(measured_iteration_time_s(row).has_value());
  row.tokens_per_s_per_device = 512;
  EXPECT_DOUBLE_EQ(*measured_iteration_time_s(row), 8);
  row.samples_per_s = 16;
  EXPECT_DOUBLE_EQ(*measured_iteration_time_s(row), 2);
  row.iteration_time_s = 3;
  EXPECT_DOUBLE_EQ(*measured_iteration_time_s(row), 3);
}

// Errors +10 %, -20 %, +40 %: mean 70/3, median 20, largest 40, bias 10.
TEST(Summary, OfOddlyManyErrors) {
  const ErrorSummary summary = summarise(
      std::vector<ComparedRow>{time_row(0.1), time_row(-0.2), time_row(0.4)}, Quantity::iteration_time_s);
  EXPECT_EQ(summary.rows, 3);
  EXPECT_NEAR(summary.mean, 0.7 / 3, 1e-12);
  EXPECT_NEAR(summary.median, 0.2, 1e-12);
  EXPECT_NEAR(summary.largest, 0.4, 1e-12);
  EXPECT_NEAR(summary.bias, 0.1, 1e-12);
}

TEST(Summary, OfEvenlyManyErrorsTakesTheMiddleOfTwo) {
  const std::vector<ComparedRow> rows = {time_row(0.1), time_row(-0.2), time_row(0.4), time_row(0.5)};
  EXPECT_NEAR(summarise(rows, Quantity::iteration_time_s).median, 0.3, 1e-12);
  EXPECT_EQ(summarise(rows, Quantity::peak_memory_mib).rows, 0);
}

TEST(Summary, CountsRowsThatCannotBePredictedApart) {
  ComparedRow impossible = time_row(std::numeric_limits<double>::quiet_NaN());
  impossible.failure = "rule: detail";
  const ErrorSummary summary =
      summarise(std::vector<ComparedRow>{time_row(0.1), impossible}, Quantity::iteration_time_s);
  EXPECT_EQ(summary.rows, 1);
  EXPECT_EQ(summary.not_predicted, 1);
  EXPECT_NEAR(summary.mean, 0.1, 1e-12);
}

TEST(Validate, ComparesEachQuantityOfARow) {
  const Layout layout{.data = 4, .tensor = 2, .micro_batch = 2};
  const Prediction prediction = predicted(layout);
  MeasuredRow row = row_of("a", layout);
  row.iteration_time_s = prediction.iteration_time_s / 1.25;
  row.peak_memory_mib = prediction.peak_memory_bytes / 1048576 * 2;
  row.oom = (prediction.fit == Fit::fits);  // measured the opposite
  const Validation validation = validate(toy_scenario(), {row});
  ASSERT_EQ(validation.rows.size(), 3U);
  EXPECT_NEAR(validation.rows[0].relative_error, 0.25, 1e-12);
  EXPECT_NEAR(validation.rows[1].relative_error, -0.5, 1e-12);
  EXPECT_EQ(validation.rows[2].quantity, Quantity::outcome);
  EXPECT_EQ(validation.rows[2].measured, (prediction.fit == Fit::fits) ? 0 : 1);
  EXPECT_EQ(validation.rows[2].relative_error, 1);
}

TEST(Validate, NeverDropsARowThatCannotBePredicted) {
  MeasuredRow row = row_of("odd", {.data = 1,
                                   .tensor = 1,
                                   .pipeline = 8,
                                   .virtual_stages = 3,
                                   .schedule = PipelineSchedule::interleaved});
  row.iteration_time_s = 1;
  row.oom = false;
  ASSERT_TRUE(check_layout(toy_scenario(), row.layout).has_value());
  const Validation validation = validate(toy_scenario(), {row});
  ASSERT_EQ(validation.rows.size(), 2U);
  for (const ComparedRow& compared : validation.rows) EXPECT_FALSE(compared.failure.empty());
  EXPECT_TRUE(
      contains(validation_report({&validation, 1}), "odd iteration_time_s: predicted to be impossible"));
  const auto json = nlohmann::json::parse(validation_json({&validation, 1}));
  EXPECT_TRUE(json["rows"][0]["predicted"].is_null());
  EXPECT_EQ(json["rows"][1]["measured"], "ok");
  EXPECT_EQ(json["rows"][1]["predicted"], "impossible");
  EXPECT_EQ(json["summary"]["iteration_time_s"]["not_predicted"], 1);
  EXPECT_TRUE(json["summary"]["iteration_time_s"]["mean_absolute_relative_error"].is_null());
}

TEST(Validate, CountsTightOutcomesApart) {
  const Layout layout{.data = 4, .tensor = 2, .micro_batch = 2};
  MeasuredRow ran = row_of("ran", layout), failed = row_of("failed", layout);
  ran.oom = false;
  failed.oom = true;
  const Validation validation = validate(tight_scenario(layout), {ran, failed});
  ASSERT_EQ(validation.rows.size(), 2U);
  for (const ComparedRow& row : validation.rows) {
    EXPECT_EQ(row.fit, Fit::tight) << row.id;
    EXPECT_EQ(row.relative_error, 0) << row.id;
  }
  const ErrorSummary summary = summarise(validation.rows, Quantity::outcome);
  EXPECT_EQ(summary.rows, 2);
  EXPECT_EQ(summary.tight, 2);
  const auto json = nlohmann::json::parse(validation_json({&validation, 1}));
  EXPECT_EQ(json["rows"][0]["measured"], "ok");
  EXPECT_EQ(json["rows"][0]["predicted"], "tight");
  EXPECT_EQ(json["rows"][1]["measured"], "oom");
  EXPECT_EQ(json["rows"][1]["predicted"], "tight");
  EXPECT_EQ(json["rows"][1]["fits"], false);
  EXPECT_EQ(json["rows"][1]["tight"], true);
  EXPECT_EQ(json["summary"]["outcome"]["tight"], 2);
  EXPECT_TRUE(contains(validation_report({&validation, 1}), "  oom      tight  right\n"));
  EXPECT_TRUE(contains(validation_report({&validation, 1}), "2 of 2 outcomes predicted tight: it may run;"));
  EXPECT_TRUE(contains(validation_overview({&validation, 1}), "2 of 2, 2 tight"));
}

TEST(Validate, CountsNoTightOutcomesWhereThereAreNone) {
  MeasuredRow row = row_of("a", {.data = 4, .tensor = 2, .micro_batch = 2});
  row.oom = false;
  const Validation validation = validate(toy_scenario(), {row});
  EXPECT_EQ(summarise(validation.rows, Quantity::outcome).tight, 0);
  EXPECT_FALSE(contains(validation_overview({&validation, 1}), "tight"));
  EXPECT_FALSE(contains(validation_report({&validation, 1}), "tight"));
}

TEST(Validate, LeavesOutRowsAboveThePeak) {
  const Layout none{.data = 4, .tensor = 2}, full{.data = 4, .tensor = 2, .recompute = Recompute::full};
  MeasuredRow a = row_of("a", none), b = row_of("b", full), fast = row_of("fast", none);
  a.iteration_time_s = 1;
  b.iteration_time_s = 2;
  const Validation honest = validate(toy_scenario(), {a, b});
  fast.iteration_time_s = 1e-3;
  fast.peak_memory_mib = 1;
  const Validation validation = validate(toy_scenario(), {a, b, fast});
  ASSERT_EQ(validation.rows.size(), 4U);
  EXPECT_GT(validation.rows[2].above_peak.value_or(0), 1);
  const ErrorSummary without = summarise(honest.rows, Quantity::iteration_time_s);
  const ErrorSummary with = summarise(validation.rows, Quantity::iteration_time_s);
  EXPECT_EQ(with.rows, 2);
  EXPECT_EQ(with.above_peak, 1);
  EXPECT_EQ(with.mean, without.mean);
  EXPECT_EQ(with.bias, without.bias);
  EXPECT_EQ(summarise(validation.rows, Quantity::peak_memory_mib).rows, 0);
  ASSERT_EQ(validation.ranking.size(), 1U);
  EXPECT_EQ(validation.ranking[0].rows, 2);
}

TEST(Validate, SaysWhichRowsAreAboveThePeak) {
  MeasuredRow a = row_of("a", {.data = 8}), fast = row_of("fast", {.data = 8});
  a.iteration_time_s = 1;
  fast.iteration_time_s = 1e-3;
  const Validation validation = validate(toy_scenario(), {a, fast});
  const std::string text = validation_report({&validation, 1});
  EXPECT_TRUE(contains(text, "fast: above peak: ")) << text;
  EXPECT_TRUE(contains(text, "left out, because no device does that: 1 row: fast (")) << text;
  EXPECT_TRUE(contains(validation_overview({&validation, 1}), "1 row: fast ("));
  const auto json = nlohmann::json::parse(validation_json({&validation, 1}));
  EXPECT_FALSE(json["rows"][0].contains("above_peak"));
  EXPECT_EQ(json["rows"][1]["above_peak"], *validation.rows[1].above_peak);
  EXPECT_EQ(json["summary"]["iteration_time_s"]["rows"], 1);
  EXPECT_EQ(json["summary"]["iteration_time_s"]["above_peak"], 1);
}

TEST(Validate, TellsScenariosOfOneNameApart) {
  Scenario first = toy_scenario(), second = toy_scenario(), other = toy_scenario();
  first.path = "here/toy.toml";
  second.path = "there/toy.toml";
  other.name = "other";
  other.path = "there/other.toml";
  MeasuredRow row = row_of("a", {.data = 8});
  row.iteration_time_s = 1;
  const std::vector<Validation> parts = {validate(first, {row}), validate(other, {row}),
                                         validate(second, {row, row})};
  const auto json = nlohmann::json::parse(validation_json(parts));
  EXPECT_EQ(json["scenarios"].size(), 3U);
  EXPECT_EQ(json["scenarios"]["here/toy.toml"]["iteration_time_s"]["rows"], 1);
  EXPECT_EQ(json["scenarios"]["there/toy.toml"]["iteration_time_s"]["rows"], 2);
  EXPECT_EQ(json["scenarios"]["other"]["iteration_time_s"]["rows"], 1);
  EXPECT_EQ(json["rows"][0]["scenario"], "toy");
  EXPECT_EQ(json["rows"][0]["scenario_file"], "here/toy.toml");
  EXPECT_EQ(json["rows"][3]["scenario_file"], "there/toy.toml");
  EXPECT_EQ(json["ranking"][0]["scenario_file"], "there/toy.toml");
  EXPECT_TRUE(contains(validation_overview(parts), "there/toy.toml "));
  EXPECT_TRUE(contains(validation_report(parts), "here/toy.toml\n"));
}

TEST(Validate, RanksByTimePerSampleWithinEqualSizes) {
  Validation validation;
  const Layout none{.data = 4, .tensor = 2}, full{.data = 4, .tensor = 2, .recompute = Recompute::full};
  MeasuredRow a = row_of("a", none), b = row_of("b", full), c = row_of("c", none), d = row_of("d", none);
  a.iteration_time_s = 1;
  b.iteration_time_s = 2;
  c.job.global_batch = 64;  // twice the samples in twice the time: as fast as `a`
  c.iteration_time_s = 2;
  d.job.seq_length = 512;  // alone in its group
  d.iteration_time_s = 1;
  validation = validate(toy_scenario(), {a, b, c, d});
  ASSERT_EQ(validation.ranking.size(), 2U);
  EXPECT_EQ(validation.ranking[0].recompute, std::nullopt);
  EXPECT_EQ(validation.ranking[0].rows, 3);
  EXPECT_EQ(validation.ranking[0].quality.pairs_over_5_percent, 2);
  EXPECT_TRUE(validation.ranking[0].quality.fastest_found);
  EXPECT_EQ(validation.ranking[1].recompute, "none");
  EXPECT_EQ(validation.ranking[1].rows, 2);
}

TEST(Validate, CountsConstantsChosenByRows) {
  Scenario scenario = toy_scenario();
  MeasuredRow row = row_of("a", {.data = 8});
  row.iteration_time_s = 1;
  HostCost& host = scenario.software.host;
  const ChosenCount before = count_chosen(validate(scenario, {row}).profiles);
  host.launch_s = {.value = 1e-5, .provenance = Provenance::fitted, .tables = {"rows.tsv"}, .prior = 2e-5};
  host.step_s = {.value = 1e-3, .provenance = Provenance::tuned, .tables = {"rows.tsv"}, .prior = 2e-3};
  scenario.software.calibration = CalibrationRecord{{"rows.tsv"}, 12, 0.02, 0.03};

  // Another profile that shares the fitted one, but not the tuned one.
  Scenario other = scenario;
  other.software.name = "other";
  other.software.host.step_s.value = 3e-3;
  const std::vector<Validation> parts = {validate(scenario, {row}), validate(scenario, {row, row}),
                                         validate(other, {row})};
  const Validation all = together(parts);
  const ChosenCount count = count_chosen(all.profiles);
  EXPECT_EQ(count.fitted, before.fitted + 1);
  EXPECT_EQ(count.tuned, before.tuned + 2);
  ASSERT_EQ(all.profiles.size(), 4U);
  EXPECT_EQ(all.profiles[2].kind, "software");
  EXPECT_EQ(all.profiles[2].chosen.size(), 2U);
  EXPECT_EQ(all.profiles[2].rows, 3);
  const std::string report = validation_report(parts);
  EXPECT_TRUE(contains(report, "12     2.0         3.0\n")) << report;
  EXPECT_TRUE(contains(report, fmt::format("{} fitted + {} tuned = {}", count.fitted, count.tuned,
                                           count.fitted + count.tuned)))
      << report;
}

TEST(MeanTau, LeavesOutGroupsWithoutOne) {
  std::vector<RankingGroup> groups(3);
  groups[0].quality.kendall_tau = 1;
  groups[1].quality.kendall_tau = 0.5;
  groups[2].quality.kendall_tau = std::numeric_limits<double>::quiet_NaN();
  EXPECT_DOUBLE_EQ(mean_kendall_tau(groups, false), 0.75);
  EXPECT_TRUE(std::isnan(mean_kendall_tau(groups, true)));
}

}  // namespace
}  // namespace paraplan
