// What software hides beside other work, or does not.
#include <gtest/gtest.h>

#include <cmath>

#include "costmodel/cost_model.h"
#include "costmodel/prices/links.h"
#include "costmodel/time/op_times.h"
#include "tests/costmodel/shipped_scenario.h"

namespace paraplan {
namespace {

Prediction predicted(const Scenario& scenario, const Layout& layout) {
  const PredictionResult result = CostModel(scenario).predict(layout);
  if (const auto* broken = std::get_if<Infeasible>(&result)) throw std::runtime_error(broken->detail);
  return std::get<Prediction>(result);
}

TEST(Overlap, ABlockingLaunchHidesNothing) {
  Scenario s = shipped_scenario("bigscience_fp16");
  s.global_batch = 16;
  s.cluster.nodes = 1;
  const Layout layout{
      .data = 1, .tensor = 8, .micro_batch = 2, .recompute = Recompute::full, .zero_stage = 1};
  const double blocking_s = predicted(s, layout).iteration_time_s;
  s.software.host.launch_blocking = false;
  const double running_s = predicted(s, layout).iteration_time_s;
  EXPECT_GT(blocking_s, 1.02 * running_s);
  EXPECT_LT(blocking_s, 1.5 * running_s);
}

// With a network so fast that gathers fit under the work, what is left of them is what they slow.
TEST(Overlap, PrefetchedGathersOfABlockHideBehindIt) {
  Scenario s = shipped_scenario("llmfoundry_a100_40");
  const Layout layout{.data = 8, .micro_batch = 4, .recompute = Recompute::full, .zero_stage = 3};
  s.global_batch = 32;
  const Prediction hidden = predicted(s, layout);
  s.software.communication.prefetches = false;
  const Prediction exposed = predicted(s, layout);
  EXPECT_LT(hidden.breakdown[TimeCategory::parameter_gather],
            0.3 * exposed.breakdown[TimeCategory::parameter_gather]);
  EXPECT_GT(hidden.breakdown[TimeCategory::parameter_gather], 0);
  EXPECT_DOUBLE_EQ(hidden.breakdown[TimeCategory::gemm], exposed.breakdown[TimeCategory::gemm]);
}

TEST(Overlap, APrefetchedGatherLongerThanTheWorkSticksOut) {
  Scenario s = shipped_scenario("llmfoundry_a100_40");
  s.cluster.nodes = 2;
  s.network.nic_bytes_per_s.value /= 1000;
  s.global_batch = 16;
  const Layout layout{.data = 16, .micro_batch = 1, .zero_stage = 3};
  const Prediction p = predicted(s, layout);
  EXPECT_GT(p.breakdown[TimeCategory::parameter_gather], p.breakdown[TimeCategory::gemm]);
}

TEST(Overlap, WeightsGatheredBesideTheForwardPassCostLess) {
  Scenario s = shipped_scenario("simumax_b200");
  const Layout layout{.data = 8, .zero_stage = 1};
  s.global_batch = 16;
  const double after_s = predicted(s, layout).breakdown[TimeCategory::data_communication];
  s.software.communication.gathers_beside_forward = true;
  s.software.communication.bucket_bytes.value = 100e6;
  EXPECT_LT(predicted(s, layout).breakdown[TimeCategory::data_communication], after_s);
}

// Many small collectives instead of one: the latency of each.
TEST(Overlap, TensorByTensorPaysEachStart) {
  Scenario s = shipped_scenario("internevo_zero1");
  s.cluster.nodes = 64;
  s.global_batch = 4096;
  const Layout layout{.data = 512, .micro_batch = 2, .zero_stage = 1};
  const double single_s = predicted(s, layout).iteration_time_s;
  s.software.communication.tensor_by_tensor = false;
  EXPECT_GT(single_s, predicted(s, layout).iteration_time_s + 0.1);
}

TEST(Overlap, ATensorGroupOverTwoNodesTakesTheRing) {
  NodeLinks node;
  node.topology = NodeTopology::switched;
  node.links_per_device.value = node.collective_efficiency.value = 1;
  node.link_bytes_per_s.value = 1e15;
  Network network;
  network.nics_per_node.value = network.collective_efficiency.value = 1;
  network.nic_bytes_per_s.value = 1e9;
  const Links links(node, network, 8);
  const GroupPlacement data = place_groups({.data = 16, .tensor = 1}, 8).data,
                       tensor = place_groups({.data = 1, .tensor = 16}, 8).tensor;
  EXPECT_DOUBLE_EQ(links.collective_s(OpKind::all_reduce, 1e9, data), 1);
  EXPECT_DOUBLE_EQ(links.collective_s(OpKind::all_reduce, 1e9, tensor), 2 * 15.0 / 16);
}

// Gradients that come late are not there when the only micro-batch has its most activations.
TEST(Memory, LateGradientsMakeRoomForActivations) {
  Scenario s = shipped_scenario("llmfoundry_a100_40");
  s.global_batch = 64;
  s.memory_level = MemoryLevel::allocated;
  const Layout layout{.data = 8, .micro_batch = 8, .zero_stage = 3};
  const double late = predicted(s, layout).peak_memory_bytes;
  s.software.memory.late_gradients = false;
  const Prediction all = predicted(s, layout);
  EXPECT_NEAR(all.peak_memory_bytes - late, all.memory[MemoryCategory::gradients], 1);
  // With a second micro-batch those of the first are there.
  s.global_batch = 128;
  const double twice = predicted(s, layout).peak_memory_bytes;
  s.software.memory.late_gradients = true;
  EXPECT_DOUBLE_EQ(predicted(s, layout).peak_memory_bytes, twice);
}

}  // namespace
}  // namespace paraplan
