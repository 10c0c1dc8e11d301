// The end of building a block: aliases resolved, backward ops put in order, saved tensors found.
#include "costmodel/block_builder.h"

namespace paraplan {

Operand BlockBuilder::resolve(Operand operand) const {
  while (true) {
    const auto at = static_cast<size_t>(operand.index);
    Operand next;
    if (operand.kind == Operand::Kind::value) next = value_alias_[at];
    if (operand.kind == Operand::Kind::gradient) next = gradient_alias_[at];
    if (!next) return operand;
    operand = next;
  }
}

void BlockBuilder::resolve(std::vector<Op>& ops) const {
  for (Op& op : ops) {
    for (Operand& operand : op.reads) operand = resolve(operand);
    for (Operand& operand : op.writes) operand = resolve(operand);
  }
}

// Kept are the values that the backward ops read before they write them anew, each once. Logits are counted
// as the loss's memory.
void BlockBuilder::find_saved() {
  std::vector<bool> known(block_.tensors.size());
  for (const Op& op : block_.backward) {
    for (const Operand& operand : op.reads) {
      if (operand.kind != Operand::Kind::value || known[static_cast<size_t>(operand.index)]) continue;
      known[static_cast<size_t>(operand.index)] = true;
      const Tensor& t = at(operand.index);
      if (!t.logits) block_.saved.push_back({t.name, t.bytes(), t.attention_core});
    }
    for (const Operand& operand : op.writes) {
      if (operand.kind == Operand::Kind::value) known[static_cast<size_t>(operand.index)] = true;
    }
  }
}

Block BlockBuilder::finish() {
  block_.backward.assign(reversed_backward_.rbegin(), reversed_backward_.rend());
  resolve(block_.forward);
  resolve(block_.backward);
  find_saved();
  return std::move(block_);
}

}  // namespace paraplan
