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

TailTime::TailTime(const PricedTail& tail, const StagePassSeconds& passes, double slowdown)
    : tail_(&tail), passes_(passes), slowdown_(slowdown) {
  bool behind_sum = false;
  for (size_t i = 0; i < tail.ops.size(); ++i) {
    behind_sum |= tail.ops[i].op.group == CommGroup::all;
    (behind_sum ? from_sum_s_ : until_sum_s_) += price(i).seconds;
  }
  from_sum_s_ += tail.host_gap_s;
}

Price TailTime::price(size_t op) const {
  const TailOp& tail = tail_->ops[op];
  const Price& piece = tail_->pieces[op];
  const double whole = tail.pieces * piece.seconds;
  const double compute_s = tail.beside_backward ? passes_.backward_s : passes_.forward_s;
  const bool hides = tail.beside_backward || tail.beside_forward;
  const double once = hides ? exposed_beside_compute(whole, piece.seconds, compute_s, slowdown_) : whole;
  return {once * static_cast<double>(tail.calls), piece.origin};
}

PricedTail TailPricer::priced(const GroupPlacements& groups, std::vector<TailOp> ops) const {
  PricedTail tail;
  const double launch_s = launch_times(scenario_).forward_s;
  double launches_s = 0, kernels_s = 0;
  for (const TailOp& each : ops) {
    const Op& op = each.op;
    if (is_collective(op.kind)) {
      tail.pieces.push_back(pricer_.links().collective(op.kind, op.bytes / each.pieces, groups.of(op.group)));
      continue;
    }
    const Price price = op.on_host ? host_adam_price(scenario_, op) : pricer_.kernels().price(op);
    launches_s += op.launches * launch_s;
    if (!op.on_host) kernels_s += price.seconds;
    tail.pieces.push_back(price);
  }
  tail.host_gap_s = std::max(0.0, launches_s - kernels_s);
  tail.ops = std::move(ops);
  return tail;
}

TailPricer::Key TailPricer::key_of(const Layout& l, const TailStage& stage) {
  const StateCount& held = stage.state;
  return {held.parameters,
          held.weights,
          held.partial_parameters,
          stage.first,
          stage.last,
          l.data,
          l.tensor,
          l.pipeline,
          l.context,
          l.placement,
          l.zero_stage,
          l.offload,
          l.zero_stage == 2 ? l.micro_batch : 0};
}

TailTime TailPricer::time(const Layout& layout, const GroupPlacements& groups, const TailStage& stage,
                          const StagePassSeconds& passes) {
  const Key key = key_of(layout, stage);
  auto known = known_.find(key);
  if (known == known_.end())
    known = known_.emplace(key, priced(groups, tail_ops(scenario_, layout, stage))).first;
  return {known->second, passes, scenario_.hardware.device.overlap_slowdown};
}

}  // namespace paraplan
