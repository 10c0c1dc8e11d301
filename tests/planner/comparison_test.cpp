#include "planner/compare/comparison.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "costmodel/base/input_error.h"
#include "planner/report/comparison_report.h"

namespace paraplan {
namespace {

OpTime op(Walk walk, uint16_t index, const char* name, double seconds,
          TimeCategory category = TimeCategory::gemm) {
  return {.key = {BlockName::layer, walk, index},
          .name = name,
          .kind = "gemm",
          .category = category,
          .calls = 8,
          .seconds = seconds};
}

// A step of two stages that is predicted to take 100 ms and took 112 ms; stage 1 paces it.
struct Sides {
  Prediction prediction;
  std::vector<std::vector<OpTime>> predicted_ops;
  RunRecord run;
  HardwareProfile profile;

  Sides() {
    prediction.layout = {.pipeline = 2};
    prediction.iteration_time_s = 0.100;
    prediction.breakdown[TimeCategory::gemm] = 0.070;
    prediction.breakdown[TimeCategory::attention] = 0.010;
    prediction.breakdown[TimeCategory::bubble] = 0.020;
    prediction.stages.resize(2);
    prediction.stages[0].memory[MemoryCategory::parameters] = 1e6;
    prediction.stages[1].memory[MemoryCategory::parameters] = 3e6;
    prediction.stages[1].memory[MemoryCategory::loss] = 1e6;
    predicted_ops = {{}, {op(Walk::forward, 7, "ffn.up", 0.030), op(Walk::backward, 7, "ffn.up", 0.040)}};

    run.scenario = "toy";
    run.digest = "d";
    run.layout = prediction.layout;
    run.steps.resize(5);
    run.warmup_steps = 2;
    run.iteration_time_s = 0.112;
    run.iteration_spread = 0.01;
    run.ranks.resize(2);
    run.ranks[1].rank = run.ranks[1].stage = 1;
    run.ranks[0].breakdown[TimeCategory::gemm] = 0.060;
    run.ranks[0].breakdown[TimeCategory::bubble] = 0.052;
    run.ranks[1].breakdown[TimeCategory::gemm] = 0.078;
    run.ranks[1].breakdown[TimeCategory::attention] = 0.013;
    run.ranks[1].breakdown[TimeCategory::bubble] = 0.021;
    run.ranks[1].memory[MemoryCategory::parameters] = 3e6;
    run.ranks[1].memory[MemoryCategory::temporary] = 5e6;
    run.stage_ops = {{op(Walk::forward, 7, "ffn.up", 0.060)},
                     {op(Walk::forward, 7, "ffn.up", 0.031), op(Walk::backward, 7, "ffn.up", 0.047)}};
  }
  Comparison compared() const { return compare(prediction, predicted_ops, run, profile); }
  std::string cause() const { return largest_cause(compared()); }
};

TEST(Comparison, HoldsThePacingRankAgainstThePrediction) {
  const Comparison comparison = Sides().compared();
  EXPECT_EQ(comparison.pacing_rank, 1);
  EXPECT_DOUBLE_EQ(comparison.iteration_time_s.difference(), 0.012);
  EXPECT_NEAR(comparison.iteration_time_s.relative_error(), -0.107142857, 1e-9);  // 100 / 112 - 1
  EXPECT_DOUBLE_EQ(comparison.spread_s, 0.00112);
  ASSERT_EQ(comparison.times.size(), 3U);
  EXPECT_EQ(comparison.times[0].category, TimeCategory::gemm);
  EXPECT_NEAR(comparison.times[0].seconds.difference(), 0.008, 1e-12);
  EXPECT_EQ(comparison.times[1].category, TimeCategory::attention);
  EXPECT_EQ(comparison.times[2].category, TimeCategory::bubble);
}

TEST(Comparison, MemoryIsOfTheFullestRank) {
  const Comparison comparison = Sides().compared();
  EXPECT_EQ(comparison.fullest_rank, 1);
  EXPECT_EQ(comparison.peak_bytes, (ComparedValue{4e6, 8e6}));
  ASSERT_EQ(comparison.memory.size(), 3U);
  EXPECT_EQ(comparison.memory[0].category, MemoryCategory::temporary);
  EXPECT_EQ(comparison.memory[1].category, MemoryCategory::loss);
  EXPECT_EQ(comparison.memory[2].category, MemoryCategory::parameters);
}

TEST(Comparison, KeepsOpsOfOneSide) {
  Sides sides;
  sides.predicted_ops[1].push_back(op(Walk::forward, 8, "fused", 0.002));
  sides.run.stage_ops[1].push_back(op(Walk::forward, 9, "split", 0.050));
  const Comparison comparison = sides.compared();
  ASSERT_EQ(comparison.ops.size(), 4U);
  EXPECT_EQ(comparison.ops[0].either().name, "split");
  EXPECT_FALSE(comparison.ops[0].predicted);
  EXPECT_EQ(comparison.ops[1].either().key.walk, Walk::backward);
  EXPECT_EQ(comparison.ops[2].either().name, "fused");
  EXPECT_FALSE(comparison.ops[2].measured);
  EXPECT_EQ(comparison.ops[2].seconds().difference(), -0.002);
}

TEST(Comparison, OpsOfOneNameAndPlaceAreToldApartByTheirIndex) {
  Sides sides;
  sides.predicted_ops[1].push_back(op(Walk::forward, 9, "ffn.up", 0.5));
  EXPECT_EQ(sides.compared().ops.size(), 3U);
}

TEST(Comparison, RefusesOpsOfAnotherProgram) {
  const auto error = [](const Sides& sides) -> std::string {
    try {
      refuse_unknown_ops(sides.predicted_ops, sides.run, "r.toml");
    } catch (const InputError& e) {
      return e.what();
    }
    return "";
  };
  Sides sides;
  sides.run.stage_ops[0].clear();
  EXPECT_EQ(error(sides), "");
  sides.run.stage_ops[1].push_back(op(Walk::forward, 9, "split", 0.050));
  EXPECT_EQ(error(sides),
            "r.toml: stage.1.ops: layer/forward/9 split is no op of this plan; the run was made by another "
            "version of the program");
  sides.run.stage_ops[1] = {op(Walk::forward, 7, "ffn.gate", 0.031)};
  EXPECT_EQ(
      error(sides),
      "r.toml: stage.1.ops: layer/forward/7 ffn.gate is no op of this plan, which has ffn.up there; the "
      "run was made by another version of the program");
}

TEST(LargestCause, NamesPartAndOp) {
  EXPECT_EQ(Sides().cause(),
            "Of the 12.00 ms by which the step is slower than predicted, 8.00 ms are in gemm, most in layer "
            "backward "
            "ffn.up (predicted 40.00 ms, measured 47.00 ms).");
}

TEST(LargestCause, AlsoWhenFaster) {
  Sides sides;
  sides.prediction.iteration_time_s = 0.124;
  sides.prediction.breakdown[TimeCategory::attention] = 0.023;
  sides.predicted_ops[1].push_back(op(Walk::forward, 3, "scores", 0.010, TimeCategory::attention));
  EXPECT_EQ(
      sides.cause(),
      "Of the 12.00 ms by which the step is faster than predicted, 10.00 ms are in attention, most in layer "
      "forward scores (predicted 10.00 ms, not measured).");
}

TEST(LargestCause, APartWithoutOps) {
  Sides sides;
  sides.prediction.breakdown[TimeCategory::bubble] = 0.010;
  EXPECT_EQ(
      sides.cause(),
      "Of the 12.00 ms by which the step is slower than predicted, 11.00 ms are in bubble, waiting for other "
      "stages (predicted 10.00 ms, measured 21.00 ms).");
  sides.prediction.breakdown[TimeCategory::other] = 0;
  sides.run.ranks[1].breakdown[TimeCategory::other] = 0.0115;
  EXPECT_EQ(
      sides.cause(),
      "Of the 12.00 ms by which the step is slower than predicted, 11.50 ms are in other, outside the ops "
      "(predicted 0.000 s, measured 11.50 ms).");
}

TEST(LargestCause, APartThatOthersMakeUpFor) {
  Sides sides;
  sides.prediction.breakdown[TimeCategory::gemm] = 0.050;
  sides.prediction.breakdown[TimeCategory::attention] = 0.029;
  EXPECT_EQ(
      sides.cause(),
      "The step is 12.00 ms slower than predicted; gemm alone is 28.00 ms slower, the largest share in layer "
      "backward ffn.up (predicted 40.00 ms, measured 47.00 ms), and other parts make up for 16.00 ms.");
}

TEST(LargestCause, WithinTheSpread) {
  Sides sides;
  sides.run.iteration_spread = 0.125;
  EXPECT_EQ(
      sides.cause(),
      "The step is as fast as predicted: the difference of 12.00 ms is within the spread of the measured "
      "steps, 14.00 ms.");
  sides.prediction.breakdown[TimeCategory::gemm] = 0.100;
  const std::string made_up =
      "; but parts of it make up for each other, above all gemm, 22.00 ms faster than predicted "
      "(predicted 100.00 ms, measured 78.00 ms).";
  EXPECT_TRUE(sides.cause().ends_with("14.00 ms" + made_up)) << sides.cause();
}

TEST(LargestCause, SaysWhenOnlySomeStepsWereSlow) {
  Sides sides;
  sides.run.iteration_time_s = 0.130;
  for (StepRecord& step : sides.run.steps) step.seconds = 0.130;
  EXPECT_EQ(sides.cause().find("fastest"), std::string::npos) << sides.cause();
  sides.run.steps[1].seconds = 0.101;  // of the warm-up
  EXPECT_EQ(sides.cause().find("fastest"), std::string::npos) << sides.cause();
  sides.run.steps[3].seconds = 0.101;
  EXPECT_NE(
      sides.cause().find(" The fastest step took 101.00 ms: the others were slowed by something outside"),
      std::string::npos)
      << sides.cause();
}

TEST(ComparisonReport, ShowsTheOpsAskedFor) {
  const Sides sides;
  const Comparison comparison = sides.compared();
  const std::string one = comparison_report(comparison, sides.run, 1);
  EXPECT_NE(one.find("\n  1 more op is not shown (--ops 0 shows all)\n"), std::string::npos) << one;
  EXPECT_NE(one.find("layer backward ffn.up  gemm          8   40.00 ms  47.00 ms    +7.00 ms  measured\n"),
            std::string::npos)
      << one;
  EXPECT_EQ(one.find("layer forward ffn.up"), std::string::npos);
  EXPECT_NE(
      one.find("predicted 100.00 ms, measured 112.00 ms (median of 3 steps, spread 1.12 ms); error -10.7 %"),
      std::string::npos)
      << one;
  const std::string all = comparison_report(comparison, sides.run, 0);
  EXPECT_NE(all.find("layer forward ffn.up"), std::string::npos);
  EXPECT_EQ(all.find("not shown"), std::string::npos);
}

TEST(ComparisonReport, JsonHoldsEverything) {
  Sides sides;
  sides.run.stage_ops[1].pop_back();
  const auto json = nlohmann::json::parse(comparison_json(sides.compared(), sides.run));
  EXPECT_EQ(json["breakdown"]["gemm"]["measured"], 0.078);
  EXPECT_EQ(json["memory"]["loss"]["predicted"], 1e6);
  EXPECT_TRUE(json["memory"]["loss"]["relative_error"].is_null());
  ASSERT_EQ(json["ops"].size(), 2U);
  EXPECT_EQ(json["ops"][0]["pass"], "backward");
  EXPECT_TRUE(json["ops"][0]["measured"].is_null());
  EXPECT_EQ(json["ops"][1]["predicted"]["seconds"], 0.030);
}

// A run beside other work, with a profile that was measured by day.
TEST(ComparisonReport, SaysThatTheMachineWasBusy) {
  Sides sides;
  const auto report = [&] { return comparison_report(sides.compared(), sides.run, 1); };
  EXPECT_NE(report().find("\n  machine load     not known\n\n"), std::string::npos) << report();
  sides.run.load = {.ranks = 2, .cores = 2, .others_cores = 0.8, .steal_share = 0.031};
  sides.profile.measured_on.emplace().load = MachineLoad{.ranks = 2, .cores = 2, .others_cores = 0.01};
  EXPECT_NE(
      report().find("error -10.7 %\n"
                    "  machine load     other processes used 0.80 of 2 cores, 3.1 % of the cores' time went "
                    "to other virtual machines; times may be longer than on this machine alone\n"
                    "  profile's load   other processes used 0.01 of 2 cores\n\n"),
      std::string::npos)
      << report();
}

TEST(ComparisonReport, JsonHoldsTheLoads) {
  Sides sides;
  const auto json = [&] { return nlohmann::json::parse(comparison_json(sides.compared(), sides.run)); };
  EXPECT_TRUE(json().at("machine_load").is_null());
  EXPECT_TRUE(json().at("profile_machine_load").is_null());
  sides.run.load = {.ranks = 2, .cores = 2, .others_cores = 0.8, .steal_share = 0.01};
  sides.profile.measured_on.emplace().load = MachineLoad{.device_users = 0};
  EXPECT_EQ(json()["machine_load"], nlohmann::json::parse(R"({"ranks": 2, "cores": 2, "others_cores": 0.8,
            "steal_share": 0.01, "device_users": null, "busy": true})"));
  EXPECT_EQ(json()["profile_machine_load"]["device_users"], 0);
  EXPECT_EQ(json()["profile_machine_load"]["busy"], false);
}

std::string mismatch(const std::string& digest, const PlanFile& plan, const RunRecord& run) {
  try {
    refuse_mismatch(digest, plan, "PLAN", run, "RUN");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(RefuseMismatch, SaysWhatDiffers) {
  RunRecord run = Sides().run;
  PlanFile plan;
  plan.scenario_file = "toy.toml";
  plan.digest = "d";
  plan.layout = run.layout;
  EXPECT_EQ(mismatch("d", plan, run), "");
  EXPECT_EQ(mismatch("e", plan, run),
            "PLAN: digest: d is not the digest of toy.toml and its model and profiles, e: they were changed "
            "after the "
            "plan was made; plan again");
  run.digest = "f";
  EXPECT_EQ(mismatch("d", plan, run).substr(0, 66),
            "RUN: digest: the run is not of this plan: f (the plan has d); it w");
  run.digest = "d";
  run.layout.tensor = 4;
  run.layout.recompute = Recompute::full;
  EXPECT_EQ(mismatch("d", plan, run),
            "RUN: layout: the run is not of this plan: tensor = 4 (the plan has tensor = 1), recompute = "
            "\"full\" (the "
            "plan has recompute = \"none\")");
  run.layout = plan.layout;
  run.iteration_time_s = 0;
  EXPECT_EQ(mismatch("d", plan, run), "RUN: iteration_time_s: is 0: the run holds no measured step");
}

}  // namespace
}  // namespace paraplan
