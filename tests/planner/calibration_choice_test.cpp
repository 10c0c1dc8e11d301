#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "costmodel/io/profiles/profile_fields.h"
#include "planner/calibrate/calibration.h"
#include "planner/calibrate/calibration_summary.h"
#include "planner/report/report_calibration.h"
#include "tests/planner/toy_rows.h"

namespace paraplan {
namespace {

// Rows of a framework whose launches and steps take longer than its profile says.
CalibrationPart slow_host_part() {
  CalibrationPart part{true_scenario(), "truth.tsv", measure(true_scenario())};
  scale(part.scenario.software.host.launch_s, 0.5);
  scale(part.scenario.software.host.backward_launch_s, 0.5);
  scale(part.scenario.software.host.step_s, 0.2);
  return part;
}

CalibrationOptions default_options() {
  return {.threads = 1};
}

std::string reason_of(const Calibration& calibration, const std::string& key) {
  const auto found =
      std::ranges::find(calibration.unfitted, key, [](const UnfittedConstant& c) { return c.target.key; });
  return found == calibration.unfitted.end() ? "fitted" : found->reason;
}

TEST(CalibrationChoice, ChoosesWhatTheRowsDetermineAndSaysWhyNotTheOthers) {
  CalibrationPart part = slow_host_part();
  part.scenario.software.host.recompute_s.provenance = Provenance::measured;
  const Calibration result = calibrate({part}, default_options());
  EXPECT_EQ(result.failure, "");
  EXPECT_LE(result.constants.size(), part.rows.size() / 3);
  SoftwareProfile any;
  EXPECT_EQ(result.constants.size() + result.unfitted.size(), profile_fields(any).constants.size());
  for (const CalibratedConstant& c : result.constants) EXPECT_TRUE(c.determined()) << c.target.name();
  EXPECT_EQ(reason_of(result, "host.recompute_us"), "measured");
  EXPECT_EQ(reason_of(result, "host.gather_us"), "no effect on these rows");
  EXPECT_EQ(reason_of(result, "memory.fixed_MiB"), "no effect on these rows");
  EXPECT_EQ(reason_of(result, "state.gradient_bytes"), "counts what the framework does");
  EXPECT_EQ(reason_of(result, "optimizer.sub_group_parameters"), "not in the profile");
  const CalibrationErrors errors = errors_over_all(result)[0];
  EXPECT_LT(errors.after.mean, errors.before.mean / 3);
  EXPECT_LT(errors.left_out.mean, errors.before.mean);
  const std::string report = calibration_report(result);
  for (const UnfittedConstant& c : result.unfitted) {
    EXPECT_NE(report.find(c.target.name()), std::string::npos);
    EXPECT_NE(c.reason, "");
  }
}

TEST(CalibrationChoice, OutlierIsNamedAndTheOthersAreFittedAsWithoutIt) {
  CalibrationPart part = slow_host_part(), without = part;
  const std::string id = part.rows[3].id;
  scale(*part.rows[3].iteration_time_s, 10);
  without.rows.erase(without.rows.begin() + 3);
  const Calibration result = calibrate({part}, default_options());
  ASSERT_EQ(result.outliers.size(), 1U);
  EXPECT_EQ(result.outliers[0].id, id);
  EXPECT_NEAR(result.outliers[0].measured / result.outliers[0].after, 10, 1);
  EXPECT_NE(calibration_report(result).find("outlier, not fitted: toy " + id), std::string::npos);
  const Calibration others = calibrate({without}, default_options());
  ASSERT_EQ(result.constants.size(), others.constants.size());
  for (size_t j = 0; j < others.constants.size(); ++j) {
    EXPECT_EQ(result.constants[j].target.key, others.constants[j].target.key);
    EXPECT_EQ(result.constants[j].fitted, others.constants[j].fitted);
  }
  CalibrationOptions plain = default_options();
  plain.robust = false;
  EXPECT_TRUE(calibrate({part}, plain).outliers.empty());
}

// Errors that no constant explains: whatever is kept predicts the rows better than before, also unseen.
TEST(CalibrationChoice, NeverWorseThanBefore) {
  for (int seed = 0; seed < 4; ++seed) {
    CalibrationPart part{true_scenario(), "truth.tsv", measure(true_scenario())};
    for (size_t i = 0; i < part.rows.size(); ++i)
      scale(*part.rows[i].iteration_time_s, 1 + 0.15 * std::sin(static_cast<double>(3 * i + 5 * seed)));
    const Calibration result = calibrate({part}, default_options());
    if (!result.failure.empty()) continue;
    const CalibrationErrors errors = errors_over_all(result)[0];
    EXPECT_LE(errors.after.mean, errors.before.mean) << seed;
    EXPECT_LE(errors.left_out.mean, errors.before.mean) << seed;
  }
}

TEST(CalibrationChoice, NothingToWriteWhereNothingGetsBetter) {
  const CalibrationPart part{true_scenario(), "truth.tsv", measure(true_scenario())};
  const Calibration result = calibrate({part}, default_options());
  EXPECT_NE(result.failure, "");
  EXPECT_TRUE(result.constants.empty());
  EXPECT_TRUE(result.profiles.software.empty());
  EXPECT_NE(calibration_report(result).find("no profile is written: "), std::string::npos);
}

// A named constant that makes rows worse which it did not see is taken back, and its reason given.
TEST(CalibrationChoice, TakesBackNamedConstantsThatDoNotHold) {
  CalibrationPart part{true_scenario(), "truth.tsv", measure(true_scenario())};
  part.rows.resize(3);
  scale(*part.rows[0].iteration_time_s, 1.3);
  const Calibration result = calibrate({part}, {.fit = {"software.host.launch_us"}, .threads = 1});
  for (const CalibrationErrors& errors : errors_over_all(result))
    EXPECT_LE(errors.after.mean, errors.before.mean);
  EXPECT_TRUE(result.constants.empty());
  EXPECT_NE(reason_of(result, "host.launch_us").find("worse"), std::string::npos);
}

TEST(CalibrationChoice, ConstantsLeaveZero) {
  CalibrationPart part{true_scenario(), "truth.tsv", measure(true_scenario())};
  for (const ConstantField& field : profile_fields(part.scenario.software).constants)
    field.constant->provenance = Provenance::measured;
  part.scenario.software.host.step_s = {.value = 0, .provenance = Provenance::assumed, .source = "none seen"};
  const Calibration named = calibrate({part}, {.fit = {"software.host.step_ms"}, .prior = 10, .threads = 1});
  EXPECT_NEAR(named.constants.at(0).fitted, 30, 0.3);
  EXPECT_TRUE(named.constants[0].determined());
  const Calibration chosen = calibrate({part}, default_options());
  EXPECT_EQ(reason_of(chosen, "host.step_ms"), "fitted");
  part.scenario.software.host.step_s.provenance = Provenance::inferred;
  EXPECT_NE(reason_of(calibrate({part}, default_options()), "host.step_ms"), "fitted");
}

// A constant of the host is no worse because it does not change memory.
TEST(CalibrationChoice, TimeAndMemoryTogether) {
  CalibrationPart part = slow_host_part();
  for (size_t i = 0; i < part.rows.size(); ++i)
    scale(*part.rows[i].peak_memory_mib, i % 2 == 0 ? 1.02 : 0.98);
  const Calibration result = calibrate({part}, {.memory = true, .threads = 1});
  EXPECT_EQ(result.failure, "");
  for (const CalibrationErrors& errors : errors_over_all(result))
    EXPECT_LE(errors.after.mean, errors.before.mean) << to_string(errors.quantity);
  EXPECT_LT(errors_over_all(result)[0].after.mean, errors_over_all(result)[0].before.mean);
}

TEST(CalibrationChoice, FewRowsAreFittedOnlyToNamedConstants) {
  CalibrationPart part = slow_host_part();
  for (const size_t rows : {2U, 1U}) {
    part.rows.resize(rows);
    const Calibration result = calibrate({part}, default_options());
    EXPECT_EQ(result.failure, fmt::format("{} too few: 3 are needed where --fit names no constant",
                                          rows == 1 ? "1 row is" : "2 rows are"));
    ASSERT_EQ(result.notes.size(), 1U);
    EXPECT_NE(result.notes[0].find("too few"), std::string::npos);
    EXPECT_LE(errors_over_all(result)[0].after.mean, errors_over_all(result)[0].before.mean);
    const Calibration named = calibrate({part}, {.fit = {"software.host.step_ms"}, .threads = 1});
    EXPECT_EQ(named.failure, "");
    EXPECT_EQ(named.constants.size(), 1U);
  }
  scale(*part.rows[0].iteration_time_s, 100);
  const Calibration alone = calibrate({part}, default_options());
  EXPECT_EQ(alone.failure, "no row is near its prediction");
  EXPECT_EQ(alone.outliers.size(), 1U);
  const Calibration named = calibrate({part}, {.fit = {"software.host.launch_us"}, .threads = 1});
  EXPECT_EQ(named.failure, "no row is near its prediction");
}

TEST(CalibrationChoice, NamesTheConstantOfOtherProfilesThatTheRowsAskFor) {
  CalibrationPart part{true_scenario(), "truth.tsv", measure(true_scenario())};
  scale(part.scenario.hardware.device.gemm_efficiency, 1.6);
  part.scenario.hardware.device.gemm_efficiency.provenance = Provenance::assumed;
  part.scenario.hardware.device.sustained_rate.provenance = Provenance::measured;
  const Calibration result = calibrate({part}, default_options());
  EXPECT_TRUE(result.profiles.hardware.empty());
  ASSERT_FALSE(result.notes.empty());
  EXPECT_NE(result.notes.back().find("--fit \"hardware.toy device:device.gemm_efficiency\""),
            std::string::npos)
      << result.notes.back();
}

TEST(CalibrationChoice, AsksAboutUnits) {
  CalibrationPart part = slow_host_part();
  for (MeasuredRow& row : part.rows) scale(*row.iteration_time_s, 1000);
  const Calibration result = calibrate({part}, default_options());
  ASSERT_FALSE(result.notes.empty());
  EXPECT_NE(result.notes[0].find("are the units right?"), std::string::npos);
}

}  // namespace
}  // namespace paraplan
