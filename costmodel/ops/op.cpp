#include "costmodel/ops/op.h"

namespace paraplan {

StateCount& StateCount::add(const StateCount& other, double times) {
  parameters += times * other.parameters;
  weights += times * other.weights;
  partial_parameters += times * other.partial_parameters;
  return *this;
}

StateCount Block::state() const {
  StateCount sum;
  for (const Weight& w : weights)
    if (w.owned) sum.add({w.elements, 1, w.partial_gradient ? w.elements : 0});
  return sum;
}

bool reads_weights(const std::vector<Op>& ops) {
  for (const Op& op : ops)
    for (const Operand& operand : op.reads)
      if (operand.kind == Operand::Kind::weight) return true;
  return false;
}

TimeCategory time_category(const Op& op) {
  if (op.on_host) return TimeCategory::offload;
  if (op.attention_core && !is_collective(op.kind)) return TimeCategory::attention;
  if (!is_collective(op.kind)) return info_of(op.kind).category;
  switch (op.group) {
    case CommGroup::context:
      return TimeCategory::context_communication;
    case CommGroup::data:
      return op.kind == OpKind::all_gather ? TimeCategory::parameter_gather
                                           : TimeCategory::data_communication;
    case CommGroup::ends:
      return TimeCategory::data_communication;
    case CommGroup::all:
      return TimeCategory::other;
    case CommGroup::none:
    case CommGroup::tensor:
      break;
  }
  return info_of(op.kind).category;
}

}  // namespace paraplan
