#include "costmodel/block_cost.h"

#include <algorithm>

namespace paraplan {
namespace {

bool is_collective(OpKind kind) {
  return kind == OpKind::all_reduce || kind == OpKind::all_gather || kind == OpKind::reduce_scatter;
}

TimeCategory category_of(const Op& op) {
  switch (op.kind) {
    case OpKind::gemm:
      return TimeCategory::gemm;
    case OpKind::attention_matmul:
    case OpKind::flash_attention:
    case OpKind::flash_attention_backward:
      return TimeCategory::attention;
    case OpKind::host_copy:
      return TimeCategory::offload;
    case OpKind::all_reduce:
    case OpKind::all_gather:
    case OpKind::reduce_scatter:
      switch (op.group) {
        case CommGroup::context:
          return TimeCategory::context_communication;
        case CommGroup::data:
          return op.kind == OpKind::all_gather ? TimeCategory::parameter_gather
                                               : TimeCategory::data_communication;
        default:
          return TimeCategory::tensor_communication;
      }
    default:
      return op.attention_core ? TimeCategory::attention : TimeCategory::elementwise;
  }
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
      kernels_(scenario.hardware.device, scenario.precision, scenario.cluster.clock_hz),
      links_(scenario.hardware.node, scenario.network, scenario.cluster.devices_per_node) {}

PassCost BlockPricer::queue(double host_s, const Price& device, TimeCategory category) const {
  const double host = host_s * scenario_.hardware.host.launch_scale;
  PassCost cost;
  cost.queue = scenario_.hardware.device.asynchronous_launch ? LaunchQueue::kernel(host, device.seconds)
                                                             : LaunchQueue::serial(host, device.seconds);
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
    const double hidden = std::clamp(seconds - links_.start_s(placement_of(groups, op.group)), 0.0, gemm_s);
    seconds -= hidden / scenario_.hardware.device.overlap_slowdown;
  }
  return seconds;
}

PassCost BlockPricer::price(const Op& op, const GroupPlacements& groups, double launch_s,
                            double gemm_s) const {
  const HostCost& host = scenario_.software.host;
  const TimeCategory category = category_of(op);
  if (is_collective(op.kind)) {
    const double launch = op.group == CommGroup::data ? host.gather_s : host.collective_launch_s;
    const Price price{collective_seconds(op, groups, gemm_s), links_.origin(placement_of(groups, op.group))};
    return queue(op.launches * launch, price, category);
  }
  if (op.kind == OpKind::host_copy) {
    const Host& node = scenario_.hardware.host;
    const double rate = host_link_bytes_per_s(node, scenario_.cluster.devices_per_node);
    return queue(host.launch_s, {op.bytes / rate, origin_of({&node.device_link_bytes_per_s})}, category);
  }
  return queue(op.launches * launch_s, kernels_.price(op), category);
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

PassCost BlockPricer::gather(const Block& block, const GroupPlacements& groups, const Layout& layout) const {
  const auto element = static_cast<double>(bytes_per_element(scenario_.precision));
  PassCost total;
  for (const Weight& weight : block.weights) {
    const double bytes = weight.elements * element;
    if (layout.offload == Offload::optimizer_and_parameters) {
      const Op copy{.kind = OpKind::host_copy,
                    .name = weight.name,
                    .bytes = bytes / static_cast<double>(groups.data.ranks)};
      total = total + price(copy, groups, 0, 0);
    }
    total = total +
            price({.kind = OpKind::all_gather, .name = weight.name, .bytes = bytes, .group = CommGroup::data},
                  groups, 0, 0);
  }
  return total;
}

PassCost BlockPricer::reduce(const Block& block, const GroupPlacements& groups) const {
  PassCost total;
  for (const Weight& weight : block.weights) {
    if (!weight.owned) continue;
    const double bytes = weight.elements * scenario_.software.state.reduced_gradient;
    total =
        total +
        price({.kind = OpKind::reduce_scatter, .name = weight.name, .bytes = bytes, .group = CommGroup::data},
              groups, 0, 0);
  }
  return total;
}

BlockCost BlockPricer::price(const Block& block, const GroupPlacements& groups, const Layout& layout) const {
  const HostCost& host = scenario_.software.host;
  BlockCost cost;
  cost.forward = sum(block.forward, groups, host.launch_s, false);
  cost.backward = sum(block.backward, groups, host.backward_launch_s, false);
  cost.attention_core = sum(block.forward, groups, host.launch_s, true);
  if (layout.zero_stage == 3) {
    cost.gather = gather(block, groups, layout);
    cost.reduce = reduce(block, groups);
  }
  cost.parameters = block.parameters();
  cost.weights = static_cast<double>(std::ranges::count(block.weights, true, &Weight::owned));
  cost.saved_bytes = block.saved_bytes();
  cost.attention_core_bytes = block.attention_core_bytes();
  cost.input_bytes = block.input_bytes;
  cost.transient_bytes = block.transient_bytes;
  return cost;
}

PassCost BlockPricer::checkpoint(const GroupPlacements& groups, double split_input_bytes) const {
  const double gather_s = links_.collective_s(OpKind::all_gather, split_input_bytes, groups.tensor);
  return queue(scenario_.software.host.recompute_s,
               {split_input_bytes > 0 ? gather_s : 0, links_.origin(groups.tensor)}, TimeCategory::recompute);
}

}  // namespace paraplan
