// What the cost model predicts beside what the executor does: memory by category, ops and how often they run.
#include <gtest/gtest.h>

#include <map>

#include "costmodel/cost_model.h"
#include "costmodel/io/profiles/profiles.h"
#include "covering.h"
#include "executor/emulation/emulated_run.h"
#include "executor/emulation/emulated_world.h"
#include "training.h"

namespace paraplan {
namespace {

constexpr const char* kSoftware = PARAPLAN_SOURCE_DIR "/profiles/software/paraplan.toml";

Scenario described(const LayoutCase& c) {
  Scenario scenario = scenario_of(c, Precision::fp32);
  scenario.software = load_software(kSoftware);
  scenario.software.fusion.flash_attention = c.flash_attention;
  // Times are not looked at, but must be defined.
  Device& d = scenario.hardware.device;
  for (Constant* rate : {&d.memory_bytes, &d.memory_bytes_per_s, &d.peak_fp32_flop_per_s}) rate->value = 1e12;
  for (Constant* one : {&d.memory_efficiency, &d.gemm_efficiency, &d.sustained_rate, &d.processors,
                        &d.tile_rows, &d.tile_columns, &d.batched_gemm_efficiency, &d.overlap_slowdown,
                        &d.flash_forward_efficiency, &d.flash_backward_efficiency})
    one->value = 1;
  scenario.hardware.node.topology = NodeTopology::host;
  scenario.hardware.node.link_bytes_per_s.value = 1e9;
  scenario.hardware.node.collective_efficiency.value = 1;
  return scenario;
}

const RankRecord& fullest_of_stage(const std::vector<RankReport>& ranks, int64_t stage) {
  const RankRecord* fullest = nullptr;
  for (const RankReport& r : ranks) {
    if (r.record.stage != stage) continue;
    if (fullest == nullptr || r.record.memory.total() > fullest->memory.total()) fullest = &r.record;
  }
  return *fullest;
}

void expect_predicted(const MemoryUse& predicted, const MemoryUse& measured, const Layout& layout,
                      int64_t stage) {
  // A weight whose elements do not divide evenly gives its first owners one more: below an element per
  // weight, for each of weights, gradients and two moments.
  const double uneven = layout.zero_stage >= 1 ? 4.0 * 4 * 100 : 0;
  for (int i = 0; i < kMemoryCategories; ++i) {
    const auto category = static_cast<MemoryCategory>(i);
    const bool state = category == MemoryCategory::parameters || category == MemoryCategory::gradients ||
                       category == MemoryCategory::optimizer_states;
    EXPECT_NEAR(predicted[category], measured[category], state ? uneven : 0)
        << to_string(category) << " of stage " << stage;
  }
  EXPECT_NEAR(predicted.total() / measured.total(), 1, 0.01);
}

// By stage: ops and messages that come one by one, with their calls in a step.
std::map<OpKey, int64_t> calls_of(const std::vector<OpTime>& ops) {
  std::map<OpKey, int64_t> calls;
  for (const OpTime& op : ops)
    if (op.calls > 0) calls[op.key] = op.calls;
  return calls;
}

class CoveredLayout : public testing::TestWithParam<LayoutCase> {};

TEST_P(CoveredLayout, MemoryIsPredictedByteForByte) {
  const LayoutCase& c = GetParam();
  const Scenario scenario = described(c);
  CostModel model(scenario);
  const PredictionResult result = model.predict(c.layout);
  ASSERT_TRUE(std::holds_alternative<Prediction>(result)) << std::get<Infeasible>(result).detail;
  const Trained trained = train_on_threads(job_of(scenario, c.layout, 2));
  double host_bytes = 0;
  for (const RankReport& r : trained.ranks) host_bytes = std::max(host_bytes, r.record.host_bytes);
  const double host_predicted =
      std::get<Prediction>(result).host_memory_bytes / static_cast<double>(scenario.cluster.devices_per_node);
  EXPECT_NEAR(host_predicted, host_bytes, 0.01 * host_bytes);
  for (int64_t stage = 0; stage < c.layout.pipeline; ++stage) {
    const MemoryUse& predicted = std::get<Prediction>(result).stages[static_cast<size_t>(stage)].memory;
    expect_predicted(predicted, fullest_of_stage(trained.ranks, stage).memory, c.layout, stage);
  }
}

TEST_P(CoveredLayout, RanksThatRunAloneNeedThePredictedMemoryAndRunThePredictedOps) {
  const LayoutCase& c = GetParam();
  const Scenario scenario = described(c);
  CostModel model(scenario);
  const auto result = model.predict(c.layout);
  const auto predicted_ops = model.op_times(c.layout);
  const TrainingJob job = job_of(scenario, c.layout, 1);
  std::vector<int> ranks;
  for (int64_t stage = 0; stage < c.layout.pipeline; ++stage) ranks.push_back(first_rank(c.layout, stage));
  const auto samples = synthetic_text(scenario.model, scenario.seq_length, scenario.global_batch);
  for (const RankReport& rank : train_emulated(job, ranks, *samples, {}).ranks) {
    const auto stage = static_cast<size_t>(rank.record.stage);
    expect_predicted(std::get<Prediction>(result).stages[stage].memory, rank.record.memory, c.layout,
                     rank.record.stage);
    EXPECT_EQ(calls_of(rank.ops), calls_of(predicted_ops.at(stage))) << "rank " << rank.record.rank;
  }
}

TEST_P(CoveredLayout, OpsAreThoseThatArePredicted) {
  const LayoutCase& c = GetParam();
  const Scenario scenario = described(c);
  const auto predicted = CostModel(scenario).op_times(c.layout);
  for (const RankReport& rank : train_on_threads(job_of(scenario, c.layout, 1)).ranks)
    EXPECT_EQ(calls_of(rank.ops), calls_of(predicted.at(static_cast<size_t>(rank.record.stage))))
        << "rank " << rank.record.rank;
}

std::string case_name(const testing::TestParamInfo<LayoutCase>& param) {
  return name_of(param.param);
}

INSTANTIATE_TEST_SUITE_P(Pairwise, CoveredLayout, testing::ValuesIn(covering_cases()), case_name);

}  // namespace
}  // namespace paraplan
