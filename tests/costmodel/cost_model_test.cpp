#include "costmodel/cost_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "costmodel/ops/blocks.h"
#include "costmodel/ops/model_size.h"
#include "tests/costmodel/shipped_scenario.h"

namespace paraplan {
namespace {

// Both ends of the range: small and large models, meshes and switches, blocking and overlapped software, and
// a processor that launches its own work.
const char* const kScenarios[] = {"megatron2023_bert_v100",   "libai_gpt2_v100",
                                  "llama2_7b_v100",           "hf_qwen_14b_a100",
                                  "megatron_gpt2_124m_a64fx", "deepspeed_bert_345m_a100_40gb",
                                  "gpt3_175b_a100",           "llama3_70b_h100"};

Prediction predicted(CostModel& model, const Layout& layout) {
  const PredictionResult result = model.predict(layout);
  if (const auto* broken = std::get_if<Infeasible>(&result)) throw std::runtime_error(broken->detail);
  return std::get<Prediction>(result);
}

double time_of(const Scenario& scenario, const Layout& layout) {
  CostModel model(scenario);
  return predicted(model, layout).iteration_time_s;
}

class OfScenario : public testing::TestWithParam<const char*> {};

TEST_P(OfScenario, BreakdownIsTheIterationTime) {
  const Scenario scenario = shipped_scenario(GetParam());
  CostModel model(scenario);
  std::mt19937_64 random(10);
  for (int i = 0; i < 300; ++i) {
    const Layout layout = random_valid_layout(scenario, random);
    const Prediction p = predicted(model, layout);
    EXPECT_NEAR(p.breakdown.total() / p.iteration_time_s, 1, 1e-9);
    for (int c = 0; c < kTimeCategories; ++c)
      EXPECT_GE(p.breakdown.values[static_cast<size_t>(c)], 0)
          << to_string(static_cast<TimeCategory>(c)) << " of " << to_string(layout);
    EXPECT_TRUE(std::isfinite(p.iteration_time_s) && p.iteration_time_s > 0) << to_string(layout);
  }
}

TEST_P(OfScenario, BoundIsNeverAboveThePrediction) {
  const Scenario scenario = shipped_scenario(GetParam());
  CostModel model(scenario);
  std::mt19937_64 random(18);
  for (int i = 0; i < 300; ++i) {
    const Layout layout = random_valid_layout(scenario, random);
    const Prediction full = predicted(model, layout), bound = std::get<Prediction>(model.bound(layout));
    EXPECT_EQ(bound.fit, full.fit) << to_string(layout);
    EXPECT_EQ(bound.peak_memory_bytes, full.peak_memory_bytes) << to_string(layout);
    EXPECT_LE(bound.iteration_time_s, full.iteration_time_s * (1 + 1e-9)) << to_string(layout);
    const double gap =
        full.fit != Fit::exceeds && layout.pipeline == 1 ? full.iteration_time_s - bound.iteration_time_s : 0;
    EXPECT_NEAR(gap, 0, 1e-9 * full.iteration_time_s)
        << "without a pipeline it is exact: " << to_string(layout);
  }
}

TEST_P(OfScenario, RatesFollowFromTheIterationTime) {
  Scenario scenario = shipped_scenario(GetParam());
  scenario.cluster.price_per_device_hour = 2.5;
  CostModel model(scenario);
  std::mt19937_64 random(11);
  for (int i = 0; i < 20; ++i) {
    const Prediction p = predicted(model, random_valid_layout(scenario, random));
    const auto samples = static_cast<double>(scenario.global_batch),
               devices = static_cast<double>(scenario.cluster.devices());
    EXPECT_DOUBLE_EQ(p.samples_per_s * p.iteration_time_s, samples);
    EXPECT_DOUBLE_EQ(p.tokens_per_s_per_device * devices,
                     p.samples_per_s * static_cast<double>(scenario.seq_length));
    EXPECT_GT(p.mfu, 0);
    EXPECT_LT(p.mfu, 1);
    EXPECT_DOUBLE_EQ(p.cost, 2.5 * devices * p.iteration_time_s / 3600);
    EXPECT_EQ(p.micro_batches * p.layout.micro_batch * p.layout.data, scenario.global_batch);
    int64_t layers = 0;
    for (const StagePrediction& stage : p.stages) layers += stage.layers;
    EXPECT_EQ(layers, scenario.model.layers());
  }
}

// Everything that is cached must be cached by all that it depends on.
TEST_P(OfScenario, OrderOfLayoutsChangesNothing) {
  const Scenario scenario = shipped_scenario(GetParam());
  std::mt19937_64 random(12);
  std::vector<Layout> layouts;
  for (int i = 0; i < 200; ++i) layouts.push_back(random_valid_layout(scenario, random));
  CostModel model(scenario);
  for (const Layout& layout : layouts) predicted(model, layout);
  std::shuffle(layouts.begin(), layouts.end(), random);
  for (const Layout& layout : layouts) {
    CostModel fresh(scenario);
    const Prediction alone = predicted(fresh, layout), among = predicted(model, layout);
    EXPECT_EQ(alone.iteration_time_s, among.iteration_time_s) << to_string(layout);
    EXPECT_EQ(alone.breakdown, among.breakdown) << to_string(layout);
    EXPECT_EQ(alone.memory, among.memory) << to_string(layout);
    EXPECT_EQ(alone.device_memory_bytes, among.device_memory_bytes) << to_string(layout);
  }
}

// A layout and its neighbours in the order of a search: some settings leave the passes alone.
std::vector<Layout> with_neighbours(const Scenario& scenario, const Layout& layout) {
  std::vector<Layout> all;
  for (int zero_stage : {0, 1, 2, 3}) {
    for (Offload offload : {Offload::none, Offload::optimizer, Offload::optimizer_and_parameters}) {
      Layout other = layout;
      other.zero_stage = zero_stage, other.offload = offload;
      if (!check_layout(scenario, other)) all.push_back(other);
    }
  }
  return all;
}

TEST_P(OfScenario, NeighboursThatSharePassesKeepTheirOwnEndAndMemory) {
  const Scenario scenario = shipped_scenario(GetParam());
  CostModel model(scenario);
  std::mt19937_64 random(19);
  for (int i = 0; i < 20; ++i) {
    for (const Layout& layout : with_neighbours(scenario, random_valid_layout(scenario, random))) {
      const Prediction bound = std::get<Prediction>(model.bound(layout)), among = predicted(model, layout);
      CostModel fresh(scenario);
      const Prediction alone = predicted(fresh, layout);
      EXPECT_EQ(alone.iteration_time_s, among.iteration_time_s) << to_string(layout);
      EXPECT_EQ(alone.breakdown, among.breakdown) << to_string(layout);
      EXPECT_EQ(alone.host_memory_bytes, among.host_memory_bytes) << to_string(layout);
      ASSERT_EQ(alone.stages.size(), among.stages.size());
      for (size_t s = 0; s < alone.stages.size(); ++s)
        EXPECT_EQ(alone.stages[s].memory, among.stages[s].memory) << to_string(layout) << ", stage " << s;
      EXPECT_EQ(std::get<Prediction>(CostModel(scenario).bound(layout)).iteration_time_s,
                bound.iteration_time_s)
          << to_string(layout);
    }
  }
}

TEST_P(OfScenario, TimeGrowsWithTheWork) {
  const Scenario scenario = shipped_scenario(GetParam());
  std::mt19937_64 random(13);
  for (int i = 0; i < 40; ++i) {
    const Layout layout = random_valid_layout(scenario, random);
    const double time_s = time_of(scenario, layout);
    Scenario more = scenario;
    more.global_batch *= 2;
    EXPECT_GT(time_of(more, layout), time_s) << "twice the batch: " << to_string(layout);
    more = scenario;
    more.seq_length *= 2;
    // A step that is bound by the host takes as long for longer sequences.
    EXPECT_GE(time_of(more, layout), time_s) << "twice the sequence: " << to_string(layout);
    more.seq_length *= 16;
    EXPECT_GT(time_of(more, layout), time_s) << "32 times the sequence: " << to_string(layout);
    more = scenario;
    more.model.resize(2 * more.model.layers());
    EXPECT_GT(time_of(more, layout), time_s) << "twice the layers: " << to_string(layout);
  }
}

INSTANTIATE_TEST_SUITE_P(Shipped, OfScenario, testing::ValuesIn(kScenarios),
                         [](const auto& scenario) { return std::string(scenario.param); });

TEST(CostModel, PricesContextGroupsByTheirPlacement) {
  // Context next to tensor stays inside the node; behind data it crosses nodes and is slower. The tensor
  // group is the same in both.
  Scenario scenario = shipped_scenario("llama3_70b_h100");
  scenario.global_batch = 1024;
  Layout near{.data = 32, .tensor = 2, .pipeline = 2, .context = 4, .zero_stage = 1};
  Layout far = near;
  far.placement = {Axis::tensor, Axis::data, Axis::context, Axis::pipeline};
  CostModel model(scenario);
  const double near_s = predicted(model, near).breakdown[TimeCategory::context_communication];
  const double far_s = predicted(model, far).breakdown[TimeCategory::context_communication];
  EXPECT_GT(far_s, 2 * near_s);
}

TEST(CostModel, EvenlySpreadWorkIsBookedAsTheAverageStage) {
  // LiBai's stages share the work of the head; its products are not idle time of some other stage.
  const Scenario scenario = shipped_scenario("libai_gpt2_v100");
  CostModel model(scenario);
  const auto gemm_s = [&](int64_t pipeline) {
    const Layout layout{
        .data = scenario.cluster.devices() / pipeline, .pipeline = pipeline, .micro_batch = 4};
    return predicted(model, layout).breakdown[TimeCategory::gemm];
  };
  EXPECT_NEAR(gemm_s(4) / gemm_s(1), 1, 1e-9);
  EXPECT_NEAR(gemm_s(8) / gemm_s(1), 1, 1e-9);
}

TEST(CostModel, MfuIsModelFlopOverPeak) {
  const Scenario scenario = shipped_scenario("gpt3_175b_a100");
  CostModel model(scenario);
  const Prediction p = predicted(model, {.data = 16, .tensor = 8, .pipeline = 8, .zero_stage = 1});
  const double peak = 1024 * 312e12;
  EXPECT_DOUBLE_EQ(
      p.mfu, model_flop_per_sample(scenario.model, 2048, AttentionCount::full) * p.samples_per_s / peak);
  EXPECT_DOUBLE_EQ(p.mfu_causal, model_flop_per_sample(scenario.model, 2048, AttentionCount::unmasked) *
                                     p.samples_per_s / peak);
  EXPECT_LT(p.mfu_causal, p.mfu);
}

TEST(CostModel, MfuOfABidirectionalModelHasOneValue) {
  CostModel model(shipped_scenario("megatron2023_bert_v100"));
  const Prediction p = predicted(model, {.data = 2, .tensor = 4});
  EXPECT_GT(p.mfu, 0);
  EXPECT_EQ(p.mfu_causal, p.mfu);
}

TEST(CostModel, PeakFollowsTheClock) {
  Scenario scenario = shipped_scenario("megatron_gpt2_124m_a64fx");
  const double peak = peak_flop_per_s(scenario);
  scenario.cluster.clock_hz = scenario.hardware.device.clock_hz / 2;
  EXPECT_DOUBLE_EQ(peak_flop_per_s(scenario), peak / 2);
}

TEST(CostModel, RecomputeCostsTimeAndIsBookedAsSuch) {
  const Scenario scenario = shipped_scenario("llama2_7b_v100");
  CostModel model(scenario);
  Layout layout{.data = 2, .tensor = 4};
  const Prediction none = predicted(model, layout);
  layout.recompute = Recompute::selective;
  const Prediction selective = predicted(model, layout);
  layout.recompute = Recompute::full;
  const Prediction full = predicted(model, layout);
  EXPECT_EQ(none.breakdown[TimeCategory::recompute], 0);
  EXPECT_GT(selective.breakdown[TimeCategory::recompute], 0);
  EXPECT_GT(full.breakdown[TimeCategory::recompute], selective.breakdown[TimeCategory::recompute]);
  EXPECT_GT(selective.iteration_time_s, none.iteration_time_s);
  EXPECT_GT(full.iteration_time_s, selective.iteration_time_s);
  // Full recompute repeats the forward pass: a third of the products of the layers once more.
  EXPECT_LT(full.iteration_time_s, 1.5 * none.iteration_time_s);
}

TEST(CostModel, TheHardwaresLaunchCountsWhereTheSoftwareHasNone) {
  Scenario s = shipped_scenario("megatron2023_gpt2_v100");
  s.host.time_scale.value = 2;
  s.hardware.host.kernel_launch_s.value = 3e-6;
  s.software.host.launch_s.value = 7e-6;
  s.software.host.backward_launch_s.value = 0;
  LaunchTimes times = launch_times(s);
  EXPECT_DOUBLE_EQ(times.forward_s, 14e-6);
  EXPECT_DOUBLE_EQ(times.backward_s, 3e-6);  // of this machine, so unscaled
  s.hardware.device.asynchronous_launch = false;
  times = launch_times(s);
  EXPECT_DOUBLE_EQ(times.forward_s, 14e-6);
  EXPECT_EQ(times.backward_s, 0);
}

TEST(CostModel, TheHardwaresLaunchPacesSmallKernels) {
  // A millisecond a kernel hides every kernel behind the host: its time is the number of kernels.
  Scenario s = shipped_scenario("gpt2_345m_h200");
  s.global_batch = 1;
  const double idle = time_of(s, {});
  s.hardware.host.kernel_launch_s.value = 1e-3;
  const double one = time_of(s, {});
  s.hardware.host.kernel_launch_s.value = 2e-3;
  const double two = time_of(s, {});
  EXPECT_GT(one, 2 * idle);
  EXPECT_GT(two - one, 24 * 20 * 1e-3);  // 24 layers of more than 20 kernels
  EXPECT_NEAR(time_of(s, {}) / (2 * one - idle), 1, 0.1);
}

TEST(CostModel, CopesWithAHugeJob) {
  // 12 x 512 x 40960^2 = 1.03e13 parameters, a million tokens per sample, 2^20 devices.
  Scenario scenario = shipped_scenario("gpt3_175b_a100");
  scenario.model.resize(512);
  scenario.model.hidden = 40960;
  Attention& attention = scenario.model.kinds[0].attention;
  attention.heads = attention.kv_heads = 512, attention.head_width = 80;
  scenario.model.kinds[0].feed_forward.width = 4 * 40960;
  scenario.model.max_positions = 2048;  // every tensor rank holds all positions
  scenario.seq_length = 1 << 20;
  scenario.global_batch = 16384;
  scenario.cluster.nodes = 131072;
  CostModel model(scenario);
  for (PipelineSchedule schedule : {PipelineSchedule::one_f_one_b, PipelineSchedule::interleaved}) {
    const Layout layout{.data = 16,
                        .tensor = 64,
                        .pipeline = 64,
                        .context = 16,
                        .virtual_stages = schedule == PipelineSchedule::interleaved ? 8 : 1,
                        .recompute = Recompute::full,
                        .sequence_parallel = true,
                        .zero_stage = 1,
                        .schedule = schedule};
    const Prediction p = predicted(model, layout);
    for (double figure : {p.iteration_time_s, p.samples_per_s, p.tokens_per_s_per_device, p.mfu,
                          p.peak_memory_bytes, p.device_memory_bytes})
      EXPECT_TRUE(std::isfinite(figure) && figure > 0) << figure;
    // 6 x 1.03e13 x 1.7e10 tokens and more attention than that again, on 3.3e20 FLOP/s.
    EXPECT_GT(p.iteration_time_s, 3e3);
    EXPECT_LT(p.mfu, 1);
    double parameters = 0;
    for (const StagePrediction& stage : p.stages) parameters += stage.parameters;
    EXPECT_NEAR(parameters * 64, 1.03e13, 0.02e13);
  }
}

}  // namespace
}  // namespace paraplan
