#include "costmodel/time/tail_time.h"

#include <algorithm>

namespace paraplan {
namespace {

// Reduction that runs beside compute: what it hides behind grows slower by the profile's factor; what is
// longer than the backward pass sticks out, and the last piece always does.
double exposed_beside_compute(double total_s, double last_s, double backward_s, double slowdown) {
  const double hidden = total_s - last_s;
  return last_s + std::max(hidden * (1 - 1 / slowdown), hidden - backward_s);
}

Price collective_price(const Scenario& scenario, const Links& links, const GroupPlacement& group,
                       const TailOp& tail, const StagePassSeconds& passes) {
  const Price piece = links.collective(tail.op.kind, tail.op.bytes / tail.pieces, group);
  const double whole = tail.pieces * piece.seconds;
  const bool hides = tail.beside_backward || tail.beside_forward;
  const double compute_s = tail.beside_backward ? passes.backward_s : passes.forward_s;
  const double once = hides ? exposed_beside_compute(whole, piece.seconds, compute_s,
                                                     scenario.hardware.device.overlap_slowdown)
                            : whole;
  return {once * static_cast<double>(tail.calls), piece.origin};
}

// Gradients to the host, Adam there, new weights back. The cores and the host link are shared by the node.
Price host_adam_price(const Scenario& scenario, const Op& op) {
  const Host& host = scenario.hardware.host;
  const int64_t local = scenario.cluster.devices_per_node;
  return {
      op.batch * static_cast<double>(local) / host.adam_parameters_per_s +
          op.bytes / host_link_bytes_per_s(host, local),
      origin_of({&host.adam_parameters_per_s, &host.device_link_bytes_per_s, &host.node_link_bytes_per_s})};
}

}  // namespace

TimeCategory tail_category(const Op& op) {
  return op.kind == OpKind::all_gather ? TimeCategory::data_communication : time_category(op);
}

TailTime tail_time(const Scenario& scenario, const BlockPricer& pricer, const GroupPlacements& groups,
                   std::vector<TailOp> ops, const StagePassSeconds& passes) {
  TailTime time;
  const double launch_s = launch_times(scenario).forward_s;
  double launches_s = 0, kernels_s = 0;
  bool behind_sum = false;
  for (const TailOp& tail : ops) {
    const Op& op = tail.op;
    Price price;
    if (is_collective(op.kind)) {
      price = collective_price(scenario, pricer.links(), groups.of(op.group), tail, passes);
    } else {
      price = op.on_host ? host_adam_price(scenario, op) : pricer.kernels().price(op);
      launches_s += op.launches * launch_s;
      if (!op.on_host) kernels_s += price.seconds;
    }
    behind_sum |= op.group == CommGroup::all;
    (behind_sum ? time.from_sum_s : time.until_sum_s) += price.seconds;
    time.prices.push_back(price);
  }
  time.host_gap_s = std::max(0.0, launches_s - kernels_s);
  time.from_sum_s += time.host_gap_s;
  time.ops = std::move(ops);
  return time;
}

}  // namespace paraplan
