#include "planner/compare/profile_update.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "costmodel/base/input_error.h"
#include "costmodel/cost_model.h"
#include "costmodel/ops/blocks.h"
#include "tests/planner/toy_scenario.h"

namespace paraplan {
namespace {

const Layout kLayout{.data = 4, .tensor = 2, .recompute = Recompute::full};

// The toy on cores that were measured.
Scenario measured_scenario() {
  Scenario s = toy_scenario();
  s.hardware.device.asynchronous_launch = false;
  s.hardware.measured_on = {
      .machine = "A, 8 cores", .libraries = "B 1.0", .transport = "threads", .date = "2024-01-01T00:00:00Z"};
  return s;
}

// A run in which every call of op `i` of a pass took i + 1 microseconds.
RunRecord run_of(const Scenario& scenario) {
  RunRecord run;
  run.scenario_file = "a.toml", run.layout = kLayout;
  run.machine = "A, 8 cores, B 1.0", run.date = "2024-05-17T08:30:00Z";
  run.stage_ops = CostModel(scenario).op_times(kLayout);
  for (auto& stage : run.stage_ops)
    for (OpTime& op : stage)
      op.seconds = static_cast<double>(op.calls) * static_cast<double>(op.key.index + 1) * 1e-6;
  return run;
}

std::vector<OpSample> samples_of(const std::vector<OpSample>& all, OpKind kind, Derivative derivative) {
  std::vector<OpSample> found;
  for (const OpSample& s : all)
    if (s.kind == kind && s.derivative == derivative) found.push_back(s);
  return found;
}

HardwareProfile update(const HardwareProfile& profile, const Scenario& scenario, const RunRecord& run) {
  return updated_profile(profile, "p.toml", scenario, run, "r.toml").profile;
}

TEST(ProfileUpdate, TakesKernelsWithTheirShapes) {
  const Scenario s = measured_scenario();
  const RunRecord run = run_of(s);
  const ProfileUpdate updated = updated_profile(s.hardware, "p.toml", s, run, "r.toml");
  const std::vector<OpSample>& samples = updated.profile.device.op_samples;
  EXPECT_EQ(samples.size(), updated.ops);
  // GELU of a layer: once forward (and redone), once backward; on eight ranks.
  const Block layer = model_blocks(s, kLayout)[BlockName::layer];
  const auto gelu = std::ranges::find(layer.forward, OpKind::gelu, &Op::kind);
  const auto found = samples_of(samples, OpKind::gelu, Derivative::none);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_DOUBLE_EQ(found[0].seconds, static_cast<double>(gelu - layer.forward.begin() + 1) * 1e-6);
  EXPECT_EQ(found[0].bytes, gelu->bytes);
  EXPECT_EQ(found[0].ranks, 8);
  EXPECT_EQ(found[0].precision, s.precision);
  EXPECT_FALSE(found[0].random);
  for (const OpSample& sample : samples) EXPECT_FALSE(is_collective(sample.kind)) << to_string(sample.kind);
}

TEST(ProfileUpdate, PricesTheRunAsItWasMeasured) {
  Scenario s = measured_scenario();
  s.cluster = {.nodes = 1, .devices_per_node = 8};
  s.hardware.node.devices = 8;
  const RunRecord run = run_of(s);
  s.hardware = update(s.hardware, s, run);
  const auto after = CostModel(s).op_times(kLayout);
  double measured_s = 0, predicted_s = 0;
  for (size_t i = 0; i < after.at(0).size(); ++i) {
    const OpTime &now = after[0][i], &then = run.stage_ops[0][i];
    ASSERT_EQ(now.key, then.key);
    const bool collective = now.kind.starts_with("all_") || now.kind == "reduce_scatter";
    if (now.key.block == BlockName::step || collective) continue;
    EXPECT_EQ(now.origin, PriceOrigin::measured) << to_string(now);
    measured_s += then.seconds, predicted_s += now.seconds;
  }
  // Ops of one shape share a price, so they agree in sum.
  EXPECT_NEAR(predicted_s, measured_s, 1e-9 * measured_s);
}

TEST(ProfileUpdate, IsTheMeanOverAllCallsOfAShape) {
  const Scenario s = measured_scenario();
  RunRecord run = run_of(s);
  // Two stages and two passes made 10 + 30 calls of one op in 1 + 7 seconds.
  const Block layer = model_blocks(s, kLayout)[BlockName::layer];
  const auto gelu = std::ranges::find(layer.forward, OpKind::gelu, &Op::kind);
  OpTime op{.key = {BlockName::layer, Walk::forward, static_cast<uint16_t>(gelu - layer.forward.begin())},
            .name = gelu->name,
            .kind = "gelu"};
  op.calls = 10, op.seconds = 1;
  run.stage_ops = {{op}, {}};
  op.key.walk = Walk::recompute, op.calls = 30, op.seconds = 7;
  run.stage_ops[1] = {op};
  const std::vector<OpSample> samples = update(s.hardware, s, run).device.op_samples;
  ASSERT_EQ(samples.size(), 1U);
  EXPECT_DOUBLE_EQ(samples[0].seconds, 0.2);
}

// What neighbours do is nothing to an accelerator: its samples hold for any number of them.
TEST(ProfileUpdate, KeepsAcceleratorsApart) {
  Scenario s = measured_scenario();
  s.hardware.device.asynchronous_launch = true;
  for (const OpSample& sample : update(s.hardware, s, run_of(s)).device.op_samples)
    EXPECT_EQ(sample.ranks, 1);
}

TEST(ProfileUpdate, ReplacesSamplesOfTheSameOpAndRanks) {
  const Scenario s = measured_scenario();
  const RunRecord run = run_of(s);
  HardwareProfile profile = update(s.hardware, s, run);
  const std::vector<OpSample> expected = profile.device.op_samples;
  const OpSample first = expected.front();
  OpSample stale = first, few = first;
  stale.seconds = 5, stale.noise = 0.5;
  few.ranks = 1;
  profile.device.op_samples = {stale, few};
  const std::vector<OpSample> samples = update(profile, s, run).device.op_samples;
  EXPECT_EQ(std::ranges::count(samples, stale), 0);
  EXPECT_EQ(std::ranges::count(samples, first), 1);
  EXPECT_EQ(std::ranges::count(samples, few), 1);
  EXPECT_EQ(samples.size(), expected.size() + 1);
}

TEST(ProfileUpdate, TakesTheDateAndLeavesTheRest) {
  Scenario s = measured_scenario();
  s.hardware.node.samples = {{.ranks = 2, .bytes = 64, .seconds = 1e-6}};
  const HardwareProfile updated = update(s.hardware, s, run_of(s));
  EXPECT_EQ(updated.measured_on->date, "2024-05-17T08:30:00Z");
  EXPECT_EQ(updated.measured_on->machine, "A, 8 cores");
  EXPECT_EQ(updated.node.samples, s.hardware.node.samples);
  EXPECT_EQ(updated.device.memory_bytes.value, s.hardware.device.memory_bytes.value);
}

// Ops of a busy run are in it from now on.
TEST(ProfileUpdate, TakesTheWorseLoad) {
  Scenario s = measured_scenario();
  RunRecord run = run_of(s);
  run.load = {.ranks = 8, .cores = 8, .others_cores = 2};
  EXPECT_EQ(update(s.hardware, s, run).measured_on->load, run.load);
  s.hardware.measured_on->load = {.ranks = 8, .cores = 8, .others_cores = 3};
  EXPECT_EQ(update(s.hardware, s, run).measured_on->load, s.hardware.measured_on->load);
}

std::string error_of(const HardwareProfile& profile, const Scenario& scenario, const RunRecord& run) {
  try {
    update(profile, scenario, run);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(ProfileUpdate, RefusesAProfileOfAnotherMachine) {
  Scenario s = measured_scenario();
  const RunRecord run = run_of(s);
  s.hardware.measured_on->machine = "C, 2 cores";
  EXPECT_EQ(error_of(s.hardware, s, run),
            "p.toml: measured_on: the profile was measured on C, 2 cores, B 1.0; the run was made on A, 8 "
            "cores, B 1.0");
  s.hardware.measured_on.reset();
  EXPECT_EQ(
      error_of(s.hardware, s, run),
      "p.toml: measured_on: missing: the profile was not measured, and the run was made on A, 8 cores, B "
      "1.0; make one with `paraplan profile`");
}

TEST(ProfileUpdate, RefusesOpsThatItDoesNotKnow) {
  const Scenario s = measured_scenario();
  RunRecord run = run_of(s);
  run.stage_ops[0][0].name = "other";
  EXPECT_EQ(error_of(s.hardware, s, run),
            "r.toml: stage.ops: embedding/forward/0 other is no op of a.toml; the run was made by another "
            "version of the program");
}

}  // namespace
}  // namespace paraplan
