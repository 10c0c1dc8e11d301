#include "costmodel/time/block_cost.h"

#include <algorithm>

namespace paraplan {
namespace {

// Passes over memory beside a collective on whole weights or gradients of one block: the own part is copied
// to its place in a gather; before a reduction the gradient is zeroed and the part summed so far is added.
Op passes_around(const Op& collective, int64_t ranks) {
  const double part = collective.bytes / static_cast<double>(ranks);
  const double bytes = collective.kind == OpKind::all_gather ? 2 * part : collective.bytes + 3 * part;
  return {.kind = OpKind::add, .name = collective.name, .derivative = Derivative::data, .bytes = bytes};
}

}  // namespace

OpSelection attention_core(const std::vector<Op>& ops) {
  OpSelection selection;
  for (const Op& op : ops) selection.runs.push_back(op.attention_core);
  return selection;
}

BlockPricer::BlockPricer(const Scenario& scenario)
    : scenario_(scenario),
      kernels_(scenario.hardware.device, scenario.precision, scenario.cluster.clock_hz,
               scenario.cluster.devices_per_node, scenario.software.fusion.attention_kernel),
      links_(scenario.hardware.node, scenario.network, scenario.cluster.devices_per_node),
      launch_(launch_times(scenario)) {}

PassCost BlockPricer::queue(double host_s, const Price& device, TimeCategory category) const {
  PassCost cost;
  const bool runs_ahead =
      scenario_.hardware.device.asynchronous_launch && !scenario_.software.host.launch_blocking;
  cost.queue =
      runs_ahead ? LaunchQueue::kernel(host_s, device.seconds) : LaunchQueue::serial(host_s, device.seconds);
  cost.device[category] = device.seconds;
  cost.origins[device.origin] = device.seconds;
  return cost;
}

double BlockPricer::collective_seconds(const Op& op, const GroupPlacements& groups, double gemm_s) const {
  const Communication& rules = scenario_.software.communication;
  double seconds = links_.collective_s(op.kind, op.bytes, groups.of(op.group));
  if (op.group == CommGroup::tensor) seconds *= 1 - rules.tensor_overlap;
  if (op.group == CommGroup::data) seconds *= 1 - rules.gather_overlap;
  if (op.beside_gemm && rules.gradient_collectives_beside_gemm) {
    // What is hidden slows the GEMM it hides behind; handing over between the streams cannot be hidden.
    const double start_s = links_.start_s(op.kind, groups.of(op.group));
    const double hidden = std::clamp(seconds - start_s, 0.0, gemm_s);
    seconds -= hidden / scenario_.hardware.device.overlap_slowdown;
  }
  return seconds;
}

Price BlockPricer::op_price(const Op& op, const GroupPlacements& groups, double gemm_s) const {
  if (is_collective(op.kind)) {
    const GroupPlacement& placement = groups.of(op.group);
    const bool by_block = op.group == CommGroup::data && scenario_.software.communication.reduces_by_block;
    const double around = by_block ? kernels_.price(passes_around(op, placement.ranks)).seconds : 0;
    return {around + collective_seconds(op, groups, gemm_s),
            links_.collective(op.kind, op.bytes, placement).origin};
  }
  if (op.kind == OpKind::host_copy) {
    const Host& node = scenario_.hardware.host;
    const double rate = host_link_bytes_per_s(node, scenario_.cluster.devices_per_node);
    return {op.bytes / rate, origin_of({&node.device_link_bytes_per_s, &node.node_link_bytes_per_s})};
  }
  return kernels_.price(op);
}

// Until the op is issued. Collectives of the model state are issued by hooks of their own.
double BlockPricer::host_seconds(const Op& op) const {
  const HostCost& host = scenario_.software.host;
  if (op.kind == OpKind::host_copy) return launch_.forward_s;
  if (is_collective(op.kind)) {
    const double each = op.group == CommGroup::data ? host.gather_s : host.collective_launch_s;
    return op.launches * each * scenario_.host.time_scale;
  }
  return op.launches * (op.derivative == Derivative::none ? launch_.forward_s : launch_.backward_s);
}

void BlockPricer::price_ops(const std::vector<Op>& ops, const GroupPlacements& groups,
                            const OpSelection& selection,
                            const std::function<void(size_t, const Price&)>& visit) const {
  double last_gemm_s = 0;
  for (size_t i = 0; i < ops.size(); ++i) {
    if (!selection.runs.empty() && !selection.runs[i]) continue;
    const Price price = op_price(ops[i], groups, last_gemm_s);
    if (ops[i].kind == OpKind::gemm && !selection.in_two_passes) last_gemm_s = price.seconds;
    visit(i, price);
  }
}

PassCost BlockPricer::sum(const std::vector<Op>& ops, const GroupPlacements& groups,
                          const OpSelection& selection) const {
  PassCost total;
  price_ops(ops, groups, selection, [&](size_t i, const Price& price) {
    total = total + queue(host_seconds(ops[i]), price, time_category(ops[i]));
  });
  return total;
}

// Software that prefetches gathers and reduces a block as one flat tensor.
std::vector<Op> BlockPricer::joined(const std::vector<Op>& collectives) const {
  if (!scenario_.software.communication.prefetches) return collectives;
  std::vector<Op> joined;
  for (const Op& op : collectives) {
    if (joined.empty() || joined.back().kind != op.kind) {
      joined.push_back(op);
    } else {
      joined.back().bytes += op.bytes;
    }
  }
  return joined;
}

// What sticks out of collectives that run beside `compute`, which they slow.
PassCost BlockPricer::beside(PassCost collectives, const PassCost& compute) const {
  const double total_s = collectives.queue.device;
  if (!scenario_.software.communication.prefetches || total_s == 0) return collectives;
  const double slowdown = scenario_.hardware.device.overlap_slowdown;
  const double exposed_s = std::max(total_s * (1 - 1 / slowdown), total_s - compute.queue.device);
  collectives.device *= exposed_s / total_s;
  collectives.origins *= exposed_s / total_s;
  collectives.queue.latency -= total_s - exposed_s;
  collectives.queue.device = exposed_s;
  return collectives;
}

// The backward walk; of a split one, what its data pass runs.
PassCost BlockPricer::backward(const Block& block, const GroupPlacements& groups, bool split,
                               PassCost& weight) const {
  if (!split) return sum(block.backward, groups);
  OpSelection selection{.runs = weight_ops(block), .in_two_passes = true};
  weight = sum(block.backward, groups, selection);
  selection.runs.flip();
  return sum(block.backward, groups, selection);
}

BlockCost BlockPricer::price(const Block& block, const ShardedState& state, const GroupPlacements& groups,
                             bool split) const {
  BlockCost cost;
  cost.reads_weights_forward = reads_weights(block.forward);
  cost.reads_weights_backward = reads_weights(block.backward);
  const PassCost forward = sum(block.forward, groups), gather = sum(joined(state.gather), groups);
  cost.forward = cost.reads_weights_forward ? beside(gather, forward) + forward : forward;
  const PassCost gradients = backward(block, groups, split, cost.weight),
                 reduce = sum(joined(state.reduce), groups);
  const bool prefetches = scenario_.software.communication.prefetches;
  const PassCost none, collected = cost.reads_weights_backward ? gather : none;
  // With `redone` in front, for which software that does not prefetch gathers apart.
  const auto behind = [&](const PassCost& redone) {
    if (prefetches) return beside(collected + reduce, redone + gradients) + redone + gradients;
    return redone + (collected + (gradients + reduce));
  };
  // What a recomputed region costs beside its ops: the host saves and restores random states, builds the
  // graph anew.
  const double region_s = scenario_.software.host.recompute_s * scenario_.host.time_scale;
  const PassCost begin = queue(region_s, {}, TimeCategory::recompute);
  cost.backward[static_cast<size_t>(Kept::all)] = behind(none);
  cost.backward[static_cast<size_t>(Kept::no_core)] =
      begin + behind(sum(block.forward, groups, attention_core(block.forward)).as(TimeCategory::recompute));
  const PassCost redone = forward.as(TimeCategory::recompute);
  cost.backward[static_cast<size_t>(Kept::input)] = begin +
                                                    sum(state.restore, groups).as(TimeCategory::recompute) +
                                                    behind(prefetches ? redone : gather + redone);
  return cost;
}

}  // namespace paraplan
