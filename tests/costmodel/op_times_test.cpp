#include "costmodel/time/op_times.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>
#include <string>

#include "costmodel/cost_model.h"
#include "costmodel/ops/blocks.h"
#include "tests/costmodel/shipped_scenario.h"

namespace paraplan {
namespace {

using enum TimeCategory;

// Four layers trained by software that does everything in order and hides nothing.
Scenario serial_scenario(int devices) {
  Scenario s = shipped_scenario("gpt_medium_cpu");
  s.model.resize(4);
  s.model.dropout = 0.1;
  s.cluster = {.nodes = 1, .devices_per_node = devices};
  s.global_batch = 8;
  s.seq_length = 64;
  return s;
}

Prediction predicted(CostModel& model, const Layout& layout) {
  const PredictionResult result = model.predict(layout);
  if (const auto* broken = std::get_if<Infeasible>(&result)) throw std::runtime_error(broken->detail);
  return std::get<Prediction>(result);
}

Breakdown sum_of(const std::vector<OpTime>& ops) {
  Breakdown sum;
  for (const OpTime& op : ops) sum[op.category] += op.seconds;
  return sum;
}

// All that devices and links do; what is left is the host's.
constexpr TimeCategory kDeviceCategories[] = {gemm,
                                              attention,
                                              elementwise,
                                              recompute,
                                              tensor_communication,
                                              context_communication,
                                              data_communication,
                                              parameter_gather};

void expect_same_device_time(const Breakdown& ops, const Breakdown& prediction) {
  for (const TimeCategory category : kDeviceCategories)
    EXPECT_NEAR(ops[category], prediction[category], 1e-9 * prediction.total()) << to_string(category);
}

// Launches of checkpointed regions are host time, booked with the recompute.
Scenario without_host(Scenario s) {
  s.software.host.launch_s.value = s.software.host.backward_launch_s.value = 0;
  s.software.host.collective_launch_s.value = s.software.host.gather_s.value = 0;
  s.software.host.recompute_s.value = 0;
  return s;
}

TEST(OpTimes, OfOneStageAreThePredictionByCategory) {
  const std::vector<Layout> layouts = {
      {.data = 4, .micro_batch = 1},
      {.data = 4, .micro_batch = 2},
      {.data = 1, .tensor = 4, .micro_batch = 2},
      {.data = 1, .tensor = 4, .micro_batch = 2, .sequence_parallel = true},
      {.data = 2, .tensor = 2, .recompute = Recompute::full},
      {.data = 2, .tensor = 2, .recompute = Recompute::selective, .sequence_parallel = true},
      {.data = 4, .recompute = Recompute::layers, .recompute_layers = 3},
      {.data = 4, .zero_stage = 1},
      {.data = 4, .recompute = Recompute::full, .zero_stage = 3},
      {.data = 2, .context = 2},
  };
  CostModel model(without_host(serial_scenario(4)));
  for (const Layout& layout : layouts) {
    SCOPED_TRACE(to_string(layout));
    const auto stages = model.op_times(layout);
    ASSERT_EQ(stages.size(), 1U);
    expect_same_device_time(sum_of(stages[0]), predicted(model, layout).breakdown);
  }
}

TEST(OpTimes, OfARowOfPublishedSoftwareAreThePredictionToo) {
  // Collectives hidden behind GEMMs, an asynchronous device.
  CostModel model(shipped_scenario("megatron_gpt2_v100"));
  Layout layout{.data = 1, .tensor = 1, .micro_batch = 1};
  layout.data = model.scenario().cluster.devices() / 4, layout.tensor = 4;
  const auto stages = model.op_times(layout);
  const Prediction p = predicted(model, layout);
  const Breakdown ops = sum_of(stages.at(0));
  for (const TimeCategory category : {gemm, attention, elementwise, tensor_communication})
    EXPECT_NEAR(ops[category], p.breakdown[category], 1e-9 * p.breakdown.total()) << to_string(category);
}

// Calls per step by "block/pass".
std::map<std::string, std::set<int64_t>> calls_of(const std::vector<OpTime>& ops) {
  std::map<std::string, std::set<int64_t>> calls;
  for (const OpTime& op : ops)
    if (op.key.block != BlockName::step)
      calls[std::string(to_string(op.key.block)) + "/" + to_string(op.key.walk)].insert(op.calls);
  return calls;
}

using Calls = std::map<std::string, std::set<int64_t>>;

TEST(OpTimes, CountsCallsPerStep) {
  CostModel model(serial_scenario(2));
  // 8 samples over 2 ranks by 2: two micro-batches, four layers.
  EXPECT_EQ(calls_of(model.op_times({.data = 2, .micro_batch = 2}).at(0)), (Calls{{"embedding/forward", {2}},
                                                                                  {"embedding/backward", {2}},
                                                                                  {"layer/forward", {8}},
                                                                                  {"layer/backward", {8}},
                                                                                  {"head/forward", {2}},
                                                                                  {"head/backward", {2}}}));
  const Layout some{.data = 2, .micro_batch = 2, .recompute = Recompute::layers, .recompute_layers = 3};
  EXPECT_EQ(calls_of(model.op_times(some).at(0)).at("layer/recompute"), std::set<int64_t>{6});
}

TEST(OpTimes, GatherWeightsOncePerPassUnderZero3) {
  CostModel model(serial_scenario(2));
  // Two micro-batches. A layer's weights are needed forward, backward and when it is redone: 2 * 4 * 3. The
  // embedding's in the forward pass alone, the head's in both.
  const Calls calls = calls_of(
      model.op_times({.data = 2, .micro_batch = 2, .recompute = Recompute::full, .zero_stage = 3}).at(0));
  EXPECT_EQ(calls.at("layer/gather"), std::set<int64_t>{24});
  EXPECT_EQ(calls.at("embedding/gather"), std::set<int64_t>{2});
  EXPECT_EQ(calls.at("head/gather"), std::set<int64_t>{4});
  // Gradients go to their owners once per micro-batch.
  EXPECT_EQ(calls.at("layer/reduce"), std::set<int64_t>{8});
}

TEST(OpTimes, SelectiveRecomputeRunsTheCoreAlone) {
  CostModel model(serial_scenario(2));
  const Layout layout{.data = 2, .micro_batch = 2, .recompute = Recompute::selective};
  std::vector<std::string> redone;
  const auto stages = model.op_times(layout);
  for (const OpTime& op : stages.at(0)) {
    if (op.key.walk != Walk::recompute) continue;
    redone.push_back(op.name);
    EXPECT_EQ(op.category, recompute) << op.name;
    EXPECT_EQ(op.calls, 8) << op.name;
  }
  EXPECT_EQ(redone, (std::vector<std::string>{"attention.scores", "attention.softmax", "attention.dropout",
                                              "attention.context", "attention.merge_heads"}));
}

TEST(OpTimes, AreOnTheStageThatHoldsTheBlock) {
  CostModel model(serial_scenario(2));
  const auto stages = model.op_times({.data = 1, .pipeline = 2, .micro_batch = 2});
  ASSERT_EQ(stages.size(), 2U);
  // Four micro-batches, two layers each.
  EXPECT_EQ(calls_of(stages[0]), (Calls{{"embedding/forward", {4}},
                                        {"embedding/backward", {4}},
                                        {"layer/forward", {8}},
                                        {"layer/backward", {8}}}));
  EXPECT_EQ(
      calls_of(stages[1]),
      (Calls{
          {"layer/forward", {8}}, {"layer/backward", {8}}, {"head/forward", {4}}, {"head/backward", {4}}}));
  const auto called = [](const std::vector<OpTime>& ops, const std::string& name) {
    for (const OpTime& op : ops)
      if (op.key.block == BlockName::step && op.name == name) return op.calls;
    return int64_t{0};
  };
  // One message per micro-batch each way reaches each stage; both hold the tied embedding.
  for (const auto& ops : stages) {
    EXPECT_EQ(called(ops, "receive"), 4);
    EXPECT_EQ(called(ops, "tied embedding"), 1);
  }
}

// Calls `visit(model, layout, prediction)` for random layouts of scenarios that differ in what software does.
template <class Visit>
void for_random_layouts(const Visit& visit) {
  std::mt19937_64 random(11);
  for (const char* name :
       {"gpt_medium_cpu", "gpt3_175b_a100", "megatron_llama2_70b_a100", "megatron2023_bert_v100",
        "megatron_bert_v100", "libai_gpt2_v100", "deepspeed_bert_345m_a100_40gb", "hf_qwen_14b_a100"}) {
    SCOPED_TRACE(name);
    CostModel model(shipped_scenario(name));
    for (int i = 0; i < 40; ++i) {
      const Layout layout = random_valid_layout(model.scenario(), random);
      SCOPED_TRACE(to_string(layout));
      visit(model, layout, predicted(model, layout));
    }
  }
}

TEST(OpTimes, FillTheStepOfEveryStage) {
  for_random_layouts([](CostModel& model, const Layout& layout, const Prediction& p) {
    for (const auto& ops : model.op_times(layout)) {
      EXPECT_NEAR(sum_of(ops).total(), p.iteration_time_s, 1e-9 * p.iteration_time_s);
      // Where work is spread evenly, a full stage is faster than its own ops.
      if (model.scenario().software.stage_balance == StageBalance::work) continue;
      for (const OpTime& op : ops) EXPECT_GE(op.seconds, 0) << to_string(op);
    }
  });
}

// That of the stage that paces the step; of the average stage where work is spread evenly.
TEST(OpTimes, OfThePacingStageAreTheBreakdown) {
  for_random_layouts([](CostModel& model, const Layout& layout, const Prediction& p) {
    std::vector<Breakdown> candidates;
    Breakdown mean;
    for (const auto& ops : model.op_times(layout)) {
      candidates.push_back(sum_of(ops));
      mean += candidates.back();
    }
    mean *= 1.0 / static_cast<double>(candidates.size());
    candidates.push_back(mean);
    const auto same = [&p](const Breakdown& sum) {
      for (int i = 0; i < kTimeCategories; ++i)
        if (std::abs(sum.values[i] - p.breakdown.values[i]) > 1e-9 * p.iteration_time_s) return false;
      return true;
    };
    EXPECT_TRUE(std::ranges::any_of(candidates, same));
  });
}

TEST(OpTimes, OfGuessesSayThatTheyAre) {
  CostModel model(shipped_scenario("gpt3_175b_a100"));
  const auto origin_of = [&model](const std::string& name) {
    const auto stages = model.op_times({.data = 4, .tensor = 8, .pipeline = 16, .micro_batch = 1});
    const auto op = std::ranges::find(stages.at(0), name, &OpTime::name);
    return op == stages.at(0).end() ? PriceOrigin::measured : op->origin;
  };
  EXPECT_EQ(origin_of("host per step"), PriceOrigin::assumed);
  EXPECT_EQ(origin_of("stragglers"), PriceOrigin::assumed);
  EXPECT_EQ(origin_of("launches"), PriceOrigin::assumed);
}

TEST(OpTimes, HaveKeysOfTheirOwn) {
  for_random_layouts([](CostModel& model, const Layout& layout, const Prediction&) {
    for (const auto& ops : model.op_times(layout)) {
      std::set<OpKey> keys;
      for (const OpTime& op : ops) {
        EXPECT_TRUE(keys.insert(op.key).second) << to_string(op);
        EXPECT_TRUE(op.calls > 0 || op.key.walk == Walk::wait) << to_string(op);
      }
    }
  });
}

}  // namespace
}  // namespace paraplan
