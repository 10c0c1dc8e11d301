#include "costmodel/time/block_cost.h"

#include <algorithm>

namespace paraplan {
namespace {

// What a rank needs beside what is kept, under each choice of what is kept.
std::array<WorkingSet, 3> working_sets(const Block& block) {
  std::array<WorkingSet, 3> sets;
  for (Kept kept : {Kept::all, Kept::no_core, Kept::input}) {
    WorkingSet& set = sets[static_cast<size_t>(kept)];
    set.forward = lifetimes(block, Walk::forward, kept).peak_bytes;
    set.backward = lifetimes(block, Walk::backward, kept).peak_bytes;
    if (kept == Kept::all) continue;
    set.recompute = lifetimes(block, Walk::recompute, kept).peak_bytes;
    for (TensorId t : recomputed_tensors(block, kept))
      set.redone_bytes += block.tensors[static_cast<size_t>(t)].bytes();
  }
  return sets;
}

// Passes over memory beside a collective on whole weights or gradients of one block: the own part is copied
// to its place in a gather; before a reduction the gradient is zeroed and the part summed so far is added.
Op passes_around(const Op& collective, int64_t ranks) {
  const double part = collective.bytes / static_cast<double>(ranks);
  const double bytes = collective.kind == OpKind::all_gather ? 2 * part : collective.bytes + 3 * part;
  return {.kind = OpKind::add, .name = collective.name, .derivative = Derivative::data, .bytes = bytes};
}

const GroupPlacement& placement_of(const GroupPlacements& groups, CommGroup group) {
  switch (group) {
    case CommGroup::context:
      return groups.context;
    case CommGroup::data:
      return groups.data;
    default:
      return groups.tensor;
  }
}

}  // namespace

BlockPricer::BlockPricer(const Scenario& scenario)
    : scenario_(scenario),
      kernels_(scenario.hardware.device, scenario.precision, scenario.cluster.clock_hz,
               scenario.cluster.devices_per_node),
      links_(scenario.hardware.node, scenario.network, scenario.cluster.devices_per_node),
      launch_(launch_times(scenario.hardware, scenario.software)) {}

PassCost BlockPricer::queue(double host_s, const Price& device, TimeCategory category) const {
  PassCost cost;
  cost.queue = scenario_.hardware.device.asynchronous_launch ? LaunchQueue::kernel(host_s, device.seconds)
                                                             : LaunchQueue::serial(host_s, device.seconds);
  cost.device[category] = device.seconds;
  cost.origins[device.origin] = device.seconds;
  return cost;
}

double BlockPricer::collective_seconds(const Op& op, const GroupPlacements& groups, double gemm_s) const {
  const Communication& rules = scenario_.software.communication;
  double seconds = links_.collective_s(op.kind, op.bytes, placement_of(groups, op.group));
  if (op.group == CommGroup::tensor) seconds *= 1 - rules.tensor_overlap;
  if (op.group == CommGroup::data) seconds *= 1 - rules.gather_overlap;
  if (op.beside_gemm && rules.gradient_collectives_beside_gemm) {
    // What is hidden slows the GEMM it hides behind; handing over between the streams cannot be hidden.
    const double start_s = links_.start_s(op.kind, placement_of(groups, op.group));
    const double hidden = std::clamp(seconds - start_s, 0.0, gemm_s);
    seconds -= hidden / scenario_.hardware.device.overlap_slowdown;
  }
  return seconds;
}

Price BlockPricer::op_price(const Op& op, const GroupPlacements& groups, double gemm_s) const {
  if (is_collective(op.kind)) {
    const GroupPlacement& placement = placement_of(groups, op.group);
    const bool by_block = op.group == CommGroup::data && scenario_.software.communication.reduces_by_block;
    const double around = by_block ? kernels_.price(passes_around(op, placement.ranks)).seconds : 0;
    return {around + collective_seconds(op, groups, gemm_s),
            links_.collective(op.kind, op.bytes, placement).origin};
  }
  if (op.kind == OpKind::host_copy) {
    const Host& node = scenario_.hardware.host;
    const double rate = host_link_bytes_per_s(node, scenario_.cluster.devices_per_node);
    return {op.bytes / rate, origin_of({&node.device_link_bytes_per_s})};
  }
  return kernels_.price(op);
}

PassCost BlockPricer::price(const Op& op, const GroupPlacements& groups, double launch_s,
                            double gemm_s) const {
  const HostCost& host = scenario_.software.host;
  double host_s = op.launches * launch_s;
  if (is_collective(op.kind)) {
    const double each = op.group == CommGroup::data ? host.gather_s : host.collective_launch_s;
    host_s = op.launches * each * scenario_.hardware.host.launch_scale;
  }
  if (op.kind == OpKind::host_copy) host_s = launch_.forward_s;
  return queue(host_s, op_price(op, groups, gemm_s), time_category(op));
}

PassCost BlockPricer::sum(const std::vector<Op>& ops, const GroupPlacements& groups, double launch_s,
                          bool core_only) const {
  PassCost total;
  double last_gemm_s = 0;
  for (const Op& op : ops) {
    if (core_only && !op.attention_core) continue;
    const PassCost cost = price(op, groups, launch_s, last_gemm_s);
    if (op.kind == OpKind::gemm) last_gemm_s = cost.queue.device;
    total = total + cost;
  }
  return total;
}

std::vector<Op> BlockPricer::gathers(const Block& block) const {
  const auto element = static_cast<double>(bytes_per_element(scenario_.precision));
  std::vector<Op> ops;
  for (const Weight& weight : block.weights)
    ops.push_back({.kind = OpKind::all_gather,
                   .name = weight.name,
                   .bytes = weight.elements * element,
                   .group = CommGroup::data});
  return ops;
}

// A tied weight is reduced where it lives, unless every block reduces what it has made.
std::vector<Op> BlockPricer::reductions(const Block& block) const {
  std::vector<Op> ops;
  for (const Weight& weight : block.weights) {
    if (!weight.owned && !scenario_.software.communication.reduces_by_block) continue;
    ops.push_back({.kind = OpKind::reduce_scatter,
                   .name = weight.name,
                   .bytes = weight.elements * state_sizes(scenario_).reduced_gradient,
                   .group = CommGroup::data});
  }
  return ops;
}

PassCost BlockPricer::gather(const Block& block, const GroupPlacements& groups, const Layout& layout) const {
  PassCost total;
  for (const Op& op : gathers(block)) {
    if (layout.offload == Offload::optimizer_and_parameters) {
      Op copy{.kind = OpKind::host_copy, .name = op.name};
      copy.bytes = op.bytes / static_cast<double>(groups.data.ranks);
      total = total + price(copy, groups, 0, 0);
    }
    total = total + price(op, groups, 0, 0);
  }
  return total;
}

PassCost BlockPricer::reduce(const Block& block, const GroupPlacements& groups) const {
  PassCost total;
  for (const Op& op : reductions(block)) total = total + price(op, groups, 0, 0);
  return total;
}

BlockCost BlockPricer::price(const Block& block, const GroupPlacements& groups, const Layout& layout) const {
  BlockCost cost;
  cost.forward = sum(block.forward, groups, launch_.forward_s, false);
  cost.backward = sum(block.backward, groups, launch_.backward_s, false);
  cost.attention_core = sum(block.forward, groups, launch_.forward_s, true);
  if (layout.zero_stage == 3) cost.gather = gather(block, groups, layout);
  if (reduces_in_passes(scenario_.software, layout)) cost.reduce = reduce(block, groups);
  cost.parameters = block.parameters();
  cost.weights = static_cast<double>(std::ranges::count(block.weights, true, &Weight::owned));
  cost.saved_bytes = block.saved_bytes();
  cost.attention_core_bytes = block.attention_core_bytes();
  cost.input_bytes = block.input_bytes;
  cost.transient_bytes = block.transient_bytes;
  if (scenario_.software.memory.replays_lifetimes) cost.working = working_sets(block);
  cost.reads_weights_forward = reads_weights(block.forward);
  cost.reads_weights_backward = reads_weights(block.backward);
  for (const Weight& w : block.weights) {
    cost.all_parameters += w.elements;
    if (w.partial_gradient && w.owned) cost.partial_parameters += w.elements;
  }
  return cost;
}

PassCost BlockPricer::checkpoint(const GroupPlacements& groups, double split_input_bytes) const {
  const Price gather = links_.collective(OpKind::all_gather, split_input_bytes, groups.tensor);
  return queue(scenario_.software.host.recompute_s * scenario_.hardware.host.launch_scale,
               {split_input_bytes > 0 ? gather.seconds : 0, gather.origin}, TimeCategory::recompute);
}

}  // namespace paraplan
