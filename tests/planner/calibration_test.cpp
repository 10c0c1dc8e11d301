#include "planner/calibrate/calibration.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "costmodel/base/input_error.h"
#include "costmodel/cost_model.h"
#include "planner/calibrate/calibration_summary.h"
#include "planner/report/report_calibration.h"
#include "tests/planner/toy_rows.h"

namespace paraplan {
namespace {

const std::vector<std::string> kThreeKinds = {"software.host.launch_us", "hardware.device.gemm_efficiency",
                                              "network.collective_efficiency"};

// Rows of `truth`, in a scenario whose constants are off.
CalibrationPart perturbed_part(const Scenario& truth) {
  CalibrationPart part{truth, "truth.tsv", measure(truth)};
  scale(part.scenario.software.host.launch_s, 1.8);
  scale(part.scenario.hardware.device.gemm_efficiency, 1.3);
  scale(part.scenario.network.collective_efficiency, 0.6);
  return part;
}

// A weak prior, so that exact rows have the last word.
CalibrationOptions options_for(std::vector<std::string> keys) {
  return {.fit = std::move(keys), .prior = 10, .leave_one_out = false, .threads = 1};
}

const CalibratedConstant& constant_of(const Calibration& calibration, const std::string& name) {
  const auto has_name = [&name](const CalibratedConstant& c) { return c.target.name() == name; };
  const auto found = std::ranges::find_if(calibration.constants, has_name);
  if (found == calibration.constants.end()) throw std::runtime_error("no constant " + name);
  return *found;
}

std::string error_of(const std::vector<CalibrationPart>& parts, const CalibrationOptions& options) {
  try {
    calibrate(parts, options);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Calibration, RecoversTheTruth) {
  const Scenario truth = true_scenario();
  const Calibration result = calibrate({perturbed_part(truth)}, options_for(kThreeKinds));
  ASSERT_TRUE(result.converged);
  const std::string software = truth.software.name;
  EXPECT_NEAR(constant_of(result, "software." + software + ":host.launch_us").fitted, 20, 0.2);
  EXPECT_NEAR(constant_of(result, "hardware.toy device:device.gemm_efficiency").fitted, 0.6, 0.006);
  EXPECT_NEAR(constant_of(result, "network." + truth.network.name + ":collective_efficiency").fitted, 0.5,
              0.005);
  for (const CalibratedConstant& c : result.constants) EXPECT_TRUE(c.determined()) << c.target.name();
  const CalibrationErrors errors = errors_over_all(result).front();
  EXPECT_GT(errors.before.mean, 0.05);
  EXPECT_LT(errors.after.largest, 0.002);
  EXPECT_TRUE(std::isnan(errors.left_out.mean));
}

TEST(Calibration, WritesWhatItFittedIntoTheProfiles) {
  const Scenario truth = true_scenario();
  CalibrationOptions options = options_for({"hardware.device.gemm_efficiency"});
  options.leave_one_out = true;
  const Calibration result = calibrate({perturbed_part(truth)}, options);
  EXPECT_TRUE(result.profiles.networks.empty());
  EXPECT_TRUE(result.profiles.software.empty());
  const HardwareProfile& hardware = result.profiles.hardware.at("toy device");
  const Constant& constant = hardware.device.gemm_efficiency;
  EXPECT_EQ(constant.value, result.constants[0].fitted);
  EXPECT_EQ(constant.provenance, Provenance::fitted);
  EXPECT_TRUE(constant.source.starts_with("paraplan calibrate: 8 rows; prior: ")) << constant.source;
  EXPECT_EQ(constant.tables, std::vector<std::string>{"truth.tsv"});
  EXPECT_EQ(constant.prior, result.constants[0].target.start);
  EXPECT_GT(constant.standard_error, 0);
  ASSERT_TRUE(hardware.calibration);
  EXPECT_EQ(hardware.calibration->rows, 8);
  EXPECT_EQ(hardware.calibration->tables, std::vector<std::string>{"truth.tsv"});
  EXPECT_NEAR(hardware.calibration->mean_abs_error, errors_over_all(result)[0].after.mean, 0.005);
  EXPECT_GT(hardware.calibration->leave_one_out_error.value(), hardware.calibration->mean_abs_error);
}

TEST(Calibration, FindsTheSpeedOfAHost) {
  Scenario truth = true_scenario();
  truth.host.name = "slow";
  truth.host.time_scale = {.value = 2, .provenance = Provenance::assumed, .source = "a guess"};
  CalibrationPart part{truth, "truth.tsv", measure(truth)};
  part.scenario.host.time_scale.value = 1;
  const Calibration result = calibrate({part}, options_for({"host.time_scale"}));
  ASSERT_EQ(result.constants.size(), 1U);
  EXPECT_NEAR(result.constants[0].fitted, 2, 0.05);
  const Constant& written = result.profiles.hosts.at("slow").time_scale;
  EXPECT_EQ(written.value, result.constants[0].fitted);
  EXPECT_EQ(written.prior, 1);
  EXPECT_TRUE(result.profiles.software.empty());

  // Fitted again, it starts from the same prior.
  part.scenario.host = result.profiles.hosts.at("slow");
  part.scenario.host.time_scale.value = 1.5;
  const Calibration again = calibrate({part}, options_for({"host.time_scale"}));
  ASSERT_EQ(again.constants.size(), 1U) << again.failure;
  EXPECT_EQ(again.constants[0].target.start, 1);
  EXPECT_NEAR(again.constants[0].fitted, result.constants[0].fitted, 1e-4);
}

TEST(Calibration, ThroughputsCountAsTimes) {
  CalibrationPart part = perturbed_part(true_scenario());
  const Calibration times = calibrate({part}, options_for(kThreeKinds));
  for (size_t i = 0; i < part.rows.size(); ++i) {
    MeasuredRow& row = part.rows[i];
    const auto samples = static_cast<double>(row.job.global_batch);
    const double tokens = samples * static_cast<double>(row.job.seq_length);
    if (i % 2 == 0) row.samples_per_s = samples / *row.iteration_time_s;
    if (i % 2 == 1)
      row.tokens_per_s_per_device =
          tokens / *row.iteration_time_s / static_cast<double>(row.job.cluster.devices());
    row.iteration_time_s.reset();
  }
  const Calibration throughputs = calibrate({part}, options_for(kThreeKinds));
  for (size_t j = 0; j < times.constants.size(); ++j)
    EXPECT_NEAR(throughputs.constants[j].fitted / times.constants[j].fitted, 1, 1e-3);
}

// Two frameworks on one machine: each has its own launch time, the machine one efficiency.
TEST(Calibration, ScenariosShareTheProfilesTheyShare) {
  Scenario other = true_scenario();
  other.name = "other";
  other.software.name = "other framework";
  other.software.host.launch_s.value = 35e-6;
  const Calibration result =
      calibrate({perturbed_part(true_scenario()), perturbed_part(other)}, options_for(kThreeKinds));
  EXPECT_EQ(result.constants.size(), 4U);
  const CalibratedConstant launch = constant_of(result, "software.other framework:host.launch_us");
  EXPECT_NEAR(launch.fitted, 35, 0.35);
  EXPECT_EQ(launch.record.rows, 8);
  const CalibratedConstant gemm = constant_of(result, "hardware.toy device:device.gemm_efficiency");
  EXPECT_NEAR(gemm.fitted, 0.6, 0.006);
  EXPECT_EQ(gemm.record.rows, 16);
  EXPECT_EQ(errors_by_software(result).size(), 2U);
}

TEST(Calibration, KeyOfOneProfileLeavesTheOthersAlone) {
  Scenario other = true_scenario();
  other.software.name = "other framework";
  const Calibration result = calibrate({perturbed_part(true_scenario()), perturbed_part(other)},
                                       options_for({"software.other framework:host.launch_us"}));
  ASSERT_EQ(result.constants.size(), 1U);
  EXPECT_EQ(result.profiles.software.size(), 1U);
  EXPECT_EQ(result.constants[0].record.rows, 8);
}

TEST(Calibration, SameProfilesHaveOneConstant) {
  Scenario twin = true_scenario();
  twin.hardware.name = "twin";
  CalibrationOptions options = options_for({"hardware.device.gemm_efficiency"});
  options.same = {{"twin", "toy device"}};
  const Calibration result = calibrate({perturbed_part(true_scenario()), perturbed_part(twin)}, options);
  ASSERT_EQ(result.constants.size(), 1U);
  EXPECT_EQ(result.constants[0].target.profiles, (std::vector<std::string>{"toy device", "twin"}));
  EXPECT_EQ(result.constants[0].record.rows, 16);
  EXPECT_EQ(result.profiles.hardware.at("twin").device.gemm_efficiency,
            result.profiles.hardware.at("toy device").device.gemm_efficiency);
}

TEST(Calibration, FitsMemory) {
  CalibrationPart part{true_scenario(), "truth.tsv", measure(true_scenario())};
  scale(part.scenario.software.memory.fixed_bytes, 3);
  CalibrationOptions options = options_for({"software.memory.fixed_MiB"});
  options.time = false;
  options.memory = true;
  const Calibration result = calibrate({part}, options);
  EXPECT_NEAR(result.constants[0].fitted, 256, 2.56);
  EXPECT_EQ(result.rows.size(), 8U);
  EXPECT_EQ(result.rows[0].quantity, Quantity::peak_memory_mib);
}

TEST(Calibration, ConstantThatNoRowSeesKeepsItsValueAndSource) {
  CalibrationPart part = perturbed_part(true_scenario());
  part.rows.resize(3);  // on one node
  const Calibration result =
      calibrate({part}, options_for({"hardware.device.gemm_efficiency", "network.collective_efficiency"}));
  ASSERT_EQ(result.constants.size(), 1U);
  ASSERT_EQ(result.unfitted.size(), 1U);
  EXPECT_EQ(result.unfitted[0].target.key, "collective_efficiency");
  EXPECT_EQ(result.unfitted[0].reason, "no effect on these rows");
  EXPECT_TRUE(result.profiles.networks.empty());
  EXPECT_NE(calibration_report(result).find("no effect on these rows"), std::string::npos);
}

// A row's left-out prediction is that of a calibration without it.
TEST(Calibration, LeaveOneOutIsAFitWithoutTheRow) {
  CalibrationPart part = perturbed_part(true_scenario());
  for (size_t i = 0; i < part.rows.size(); ++i)
    scale(*part.rows[i].iteration_time_s, i % 2 == 0 ? 1.1 : 0.95);
  CalibrationOptions options = options_for(kThreeKinds);
  options.leave_one_out = true;
  const Calibration full = calibrate({part}, options);
  for (const size_t left_out : {size_t{0}, size_t{3}}) {
    CalibrationPart others = part;
    others.rows.erase(others.rows.begin() + static_cast<std::ptrdiff_t>(left_out));
    const Calibration fitted = calibrate({others}, options);
    Scenario scenario = apply(part.scenario, part.rows[left_out].job);
    for (const CalibratedConstant& c : fitted.constants) set_target(scenario, c.target, c.fitted);
    const auto prediction = std::get<Prediction>(CostModel(scenario).predict(part.rows[left_out].layout));
    EXPECT_NEAR(full.rows[left_out].left_out / prediction.iteration_time_s, 1, 2e-3);
  }
  EXPECT_GT(errors_over_all(full)[0].left_out.mean, errors_over_all(full)[0].after.mean);
}

TEST(Calibration, ResultDoesNotDependOnThreads) {
  CalibrationOptions options = options_for(kThreeKinds);
  options.leave_one_out = true;
  const std::string one = calibration_json(calibrate({perturbed_part(true_scenario())}, options));
  options.threads = 3;
  EXPECT_EQ(calibration_json(calibrate({perturbed_part(true_scenario())}, options)), one);
}

TEST(Calibration, RobustFitFollowsTheManyNotTheOutlier) {
  CalibrationPart part = perturbed_part(true_scenario());
  scale(*part.rows[1].iteration_time_s, 1.8);
  CalibrationOptions options = options_for({"hardware.device.gemm_efficiency", "software.host.launch_us"});
  part.scenario.network = true_scenario().network;
  options.robust = false;
  const double plain = calibrate({part}, options).constants[0].fitted;
  options.robust = true;
  const double robust = calibrate({part}, options).constants[0].fitted;
  EXPECT_LT(std::abs(robust - 0.6), std::abs(plain - 0.6) / 2);
}

TEST(Calibration, ErrorsSayWhatWouldBeRight) {
  const CalibrationPart part = perturbed_part(true_scenario());
  const auto error = [&part](const std::string& key) { return error_of({part}, options_for({key})); };
  EXPECT_NE(error("software.host.lanch_us").find("did you mean \"host.launch_us\""), std::string::npos);
  EXPECT_NE(error("launch_us").find("must begin with hardware., host., network. or software."),
            std::string::npos);
  EXPECT_NE(error("hardware.toy devise:device.gemm_efficiency").find("did you mean \"toy device\""),
            std::string::npos);
}

TEST(Calibration, RefusesTooFewRows) {
  CalibrationPart part = perturbed_part(true_scenario());
  part.rows.resize(2);
  EXPECT_NE(error_of({part}, options_for(kThreeKinds)).find("names 3 constants, but there are only 2"),
            std::string::npos);
  for (MeasuredRow& row : part.rows) row.iteration_time_s.reset();
  EXPECT_NE(error_of({part}, options_for(kThreeKinds)).find("no row has an iteration time"),
            std::string::npos);
}

TEST(Calibration, RefusesContradictorySameProfiles) {
  const CalibrationPart part = perturbed_part(true_scenario());
  const auto error = [&part](const std::vector<SameProfile>& same) {
    CalibrationOptions options = options_for({"hardware.device.gemm_efficiency"});
    options.same = same;
    return error_of({part}, options);
  };
  EXPECT_NE(error({{"toy device", "toy device"}}).find("follows itself"), std::string::npos);
  EXPECT_NE(error({{"toy devise", "toy device"}}).find("did you mean \"toy device\""), std::string::npos);
  EXPECT_NE(error({{"toy device", part.scenario.network.name}}).find("not profiles of the same kind"),
            std::string::npos);
}

TEST(Calibration, RefusesDifferentProfilesOfOneName) {
  CalibrationPart other = perturbed_part(true_scenario());
  scale(other.scenario.hardware.device.memory_efficiency, 0.9);
  EXPECT_NE(error_of({perturbed_part(true_scenario()), other}, options_for(kThreeKinds))
                .find("another scenario has a profile of this name"),
            std::string::npos);
}

TEST(Calibration, ImpossibleRowsAreNamedAndNotFitted) {
  CalibrationPart part = perturbed_part(true_scenario());
  part.rows[4].layout.tensor = 3;
  const Calibration result = calibrate({part}, options_for(kThreeKinds));
  EXPECT_EQ(result.rows.size(), 7U);
  ASSERT_EQ(result.excluded.size(), 1U);
  EXPECT_EQ(result.excluded[0].id, part.rows[4].id);
  EXPECT_NE(calibration_report(result).find("not fitted: toy " + part.rows[4].id), std::string::npos);
}

}  // namespace
}  // namespace paraplan
