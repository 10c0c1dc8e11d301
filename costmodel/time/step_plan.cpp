#include "costmodel/time/step_plan.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

namespace paraplan {
namespace {

// Seconds of a pass. Blocking sends make the host wait for the device, so each pass starts with an empty
// queue; otherwise the host runs ahead and the slower of the two sets the pace.
double pass_seconds(const PassCost& pass, bool starts_idle) {
  return starts_idle ? pass.queue.latency : std::max(pass.queue.host, pass.queue.device);
}

void spread_evenly(std::vector<double>& seconds) {
  const double mean =
      std::accumulate(seconds.begin(), seconds.end(), 0.0) / static_cast<double>(seconds.size());
  std::fill(seconds.begin(), seconds.end(), mean);
}

}  // namespace

Layout layout_of_passes(const SoftwareProfile& software, const Layout& layout) {
  Layout passes = layout;
  if (reduces_in_passes(software, layout)) return passes;
  const Layout defaults;
  passes.zero_stage = defaults.zero_stage, passes.offload = defaults.offload;
  return passes;
}

StepPlanner::StepPlanner(const Scenario& scenario) : scenario_(scenario), pricer_(scenario) {}

const ModelCost& StepPlanner::model_cost(const Layout& layout, const GroupPlacements& groups) {
  const bool own_head_weight = layout.pipeline > 1;
  // Only then do blocks talk to the data group.
  const bool sharded = reduces_in_passes(scenario_.software, layout);
  const CostKey key{layout.micro_batch,
                    layout.sequence_parallel,
                    own_head_weight,
                    groups.tensor,
                    groups.context,
                    sharded ? groups.data : GroupPlacement{},
                    sharded ? layout.zero_stage : 0,
                    sharded ? std::optional(layout.offload) : std::nullopt,
                    splits_backward(layout.schedule)};
  const auto found = costs_.find(key);
  if (found != costs_.end()) return found->second;
  const ModelBlocks blocks = model_blocks(scenario_, layout);
  ModelCost cost;
  for (const Block& block : blocks.values) {
    cost.blocks.values.push_back(pricer_.price(block, sharded_state(scenario_, layout, block), groups,
                                               splits_backward(layout.schedule)));
    cost.states.values.push_back(block.state());
    cost.memory.values.push_back(block_memory(scenario_, layout, block));
  }
  cost.stream_bytes = cost.memory[BlockName::layer].input_bytes;
  return costs_.emplace(key, std::move(cost)).first->second;
}

const ModelSplit& StepPlanner::split(const Layout& layout) {
  const SplitKey key{layout.pipeline, layout.virtual_stages, layout.recompute, layout.recompute_layers,
                     layout.stage_layers};
  const auto found = splits_.find(key);
  if (found != splits_.end()) return found->second;
  return splits_.emplace(key, split_model(scenario_.model, layout, scenario_.software.stage_balance))
      .first->second;
}

// Times of the message of one micro-batch between neighbouring stages, over the slowest pair of ranks. Split
// over the tensor group, each rank sends its part and the receivers gather (Narayanan et al. 2021,
// section 4.1).
void StepPlanner::add_messages(const StepPlan& plan, const Layout& layout, PipelineTimes& t) const {
  const Links& links = pricer_.links();
  const int64_t stride = axis_stride(layout, Axis::pipeline), local = scenario_.cluster.devices_per_node;
  const int64_t senders = std::min(stride, local);
  double bytes = plan.model.stream_bytes, gather = 0;
  if (scenario_.software.communication.scatter_gather_sends && layout.tensor > 1 &&
      !layout.sequence_parallel) {
    gather = links.collective_s(OpKind::all_gather, bytes, plan.groups.tensor);
    bytes /= static_cast<double>(layout.tensor);
  }
  // Most layouts have one or two kinds of pairs of stages: inside a node, and across nodes.
  struct Pair {
    int64_t place = 0, distance = 0;  // of the sender in its node; to the receiver
    double seconds = 0;
  };
  std::vector<Pair> known;
  const auto message_s = [&](int64_t from_stage, int64_t to_stage) {
    const int64_t from = from_stage * stride, to = to_stage * stride;
    const bool across = std::abs(to - from) >= local;  // whatever the place
    const int64_t place = across ? 0 : from % local, distance = across ? local : to - from;
    for (const Pair& pair : known)
      if (pair.place == place && pair.distance == distance) return pair.seconds;
    double slowest = 0;
    for (int64_t rank = 0; rank < senders; ++rank)
      slowest = std::max(slowest, links.send_s(bytes, from + rank, to + rank, senders));
    return known.emplace_back(Pair{place, distance, slowest + gather}).seconds;
  };
  const size_t parts = plan.split.virtual_stages();
  t.send_forward_s.reserve(parts), t.send_backward_s.reserve(parts);
  for (size_t i = 0; i < parts; ++i) {
    const int64_t stage = static_cast<int64_t>(i) % t.pipeline, last = t.pipeline - 1;
    const bool sends_forward = i + 1 < parts, sends_backward = i > 0;
    t.send_forward_s.push_back(sends_forward ? message_s(stage, stage == last ? 0 : stage + 1) : 0);
    t.send_backward_s.push_back(sends_backward ? message_s(stage, stage == 0 ? last : stage - 1) : 0);
  }
}

PipelineTimes StepPlanner::times(const StepPlan& plan, const Layout& layout) const {
  const SoftwareProfile& software = scenario_.software;
  PipelineTimes t{
      .schedule = layout.schedule, .pipeline = layout.pipeline, .virtual_stages = layout.virtual_stages};
  t.blocking_sends = software.communication.blocking_pipeline_sends;
  const double scale = scenario_.host.time_scale;
  if (layout.pipeline == 1) {
    // Nothing waits between micro-batches: the host may run ahead over the whole step.
    const PassCost &f = plan.passes[0].forward, &b = plan.passes[0].backward;
    const auto count = static_cast<double>(plan.micro_batches);
    const double step = (f + b).repeated(count).queue.latency / count;
    const double device = f.queue.device / (f.queue.device + b.queue.device);
    t.forward_s = {step * device + software.host.micro_batch_s * scale};
    t.backward_s = {step * (1 - device)};
  } else {
    const size_t parts = plan.split.virtual_stages();
    t.forward_s.reserve(parts), t.backward_s.reserve(parts);
    for (size_t i = 0; i < parts; ++i) {
      const StagePasses& p = plan.passes_of(i);
      // The first of a stage's chunks begins the micro-batch.
      const double begin_s =
          i < static_cast<size_t>(layout.pipeline) ? software.host.micro_batch_s * scale : 0;
      t.forward_s.push_back(pass_seconds(p.forward, t.blocking_sends) + begin_s);
      t.backward_s.push_back(pass_seconds(p.backward, t.blocking_sends));
      if (splits_backward(t.schedule)) t.weight_s.push_back(pass_seconds(p.weight, t.blocking_sends));
    }
  }
  if (software.stage_balance == StageBalance::work) {
    spread_evenly(t.forward_s);
    spread_evenly(t.backward_s);
    if (!t.weight_s.empty()) spread_evenly(t.weight_s);
  }
  add_messages(plan, layout, t);
  return t;
}

StepPlan StepPlanner::plan(const Layout& layout) {
  const GroupPlacements groups = place_groups(layout, scenario_.cluster.devices_per_node);
  StepPlan plan{.groups = groups,
                .model = model_cost(layout, groups),
                .split = split(layout),
                .micro_batches = scenario_.global_batch / (layout.micro_batch * layout.data)};
  plan.passes.reserve(plan.split.chunks.size());
  for (const Chunk& chunk : plan.split.chunks)
    plan.passes.push_back(stage_passes(plan.model, chunk, splits_backward(layout.schedule)));
  plan.states.reserve(plan.split.kinds.size());
  for (int64_t stage : plan.split.kinds) plan.states.push_back(plan.split.state(stage, plan.model.states));
  plan.times = times(plan, layout);
  return plan;
}

}  // namespace paraplan
