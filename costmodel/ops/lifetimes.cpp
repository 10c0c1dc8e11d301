#include "costmodel/ops/lifetimes.h"

#include <algorithm>
#include <array>

namespace paraplan {
namespace {

// Values that the backward ops read before one of them writes them.
std::vector<bool> read_in_backward(const Block& block) {
  std::vector<bool> saved(block.tensors.size()), written(block.tensors.size());
  for (const Op& op : block.backward) {
    for (const Operand& operand : op.reads) {
      const auto at = static_cast<size_t>(operand.index);
      if (operand.kind == Operand::Kind::value && !written[at]) saved[at] = true;
    }
    for (const Operand& operand : op.writes)
      if (operand.kind == Operand::Kind::value) written[static_cast<size_t>(operand.index)] = true;
  }
  return saved;
}

// Inputs of the micro-batch are kept whatever is recomputed.
bool is_given(const Block& block, TensorId t) {
  return t == block.input || t == block.tokens || t == block.targets;
}

bool is_kept(const Block& block, TensorId t, Kept kept) {
  const Tensor& tensor = block.tensors[static_cast<size_t>(t)];
  if (is_given(block, t)) return true;
  if (kept == Kept::input) return false;
  return kept == Kept::all || !tensor.attention_core;
}

std::vector<TensorId> select(const Block& block, bool want_kept, Kept kept) {
  const std::vector<bool> saved = read_in_backward(block);
  std::vector<TensorId> found;
  for (size_t i = 0; i < saved.size(); ++i) {
    const auto t = static_cast<TensorId>(i);
    if (saved[i] && is_kept(block, t, kept) == want_kept) found.push_back(t);
  }
  return found;
}

// Follows one walk: what is there, and when it is touched last.
class Walker {
 public:
  Walker(const Block& block, Walk walk, Kept kept) : block_(block), walk_(walk) {
    ops_ = walk == Walk::backward ? &block.backward : &block.forward;
    for (auto* flags : {&held_, &born_})
      for (auto& side : *flags) side.assign(block.tensors.size(), false);
    hold(kept_tensors(block, walk == Walk::forward ? kept : Kept::all));
    if (walk == Walk::forward && block.output >= 0) held(0, block.output) = true;
    for (const Op& op : *ops_) {
      const bool core_only = walk == Walk::recompute && kept == Kept::no_core;
      result_.runs.push_back(!core_only || op.attention_core);
    }
    result_.born.resize(ops_->size());
    result_.dead.resize(ops_->size());
    find_last_touches();
  }

  Lifetimes follow() {
    double alive = incoming_bytes();
    result_.peak_bytes = alive;
    if (walk_ == Walk::backward && block_.output >= 0) held(1, block_.output) = true;
    for (size_t i = 0; i < ops_->size(); ++i) {
      if (!result_.runs[i]) continue;
      for (const Operand& operand : (*ops_)[i].writes) alive += be_born(i, operand);
      result_.peak_bytes = std::max(result_.peak_bytes, alive);
      for (const Operand& operand : touched((*ops_)[i])) alive -= die(i, operand);
    }
    return std::move(result_);
  }

 private:
  std::vector<bool>::reference held(size_t side, TensorId t) { return held_[side][static_cast<size_t>(t)]; }
  void hold(const std::vector<TensorId>& tensors) {
    for (TensorId t : tensors) held(0, t) = true;
  }

  // The gradient of the output waits while the block is recomputed, and is used up in the backward walk.
  double incoming_bytes() const {
    if (walk_ == Walk::forward || block_.output < 0) return 0;
    return bytes_of(block_, {Operand::Kind::gradient, block_.output});
  }

  static bool is_tensor(const Operand& operand) {
    return operand.kind == Operand::Kind::value || operand.kind == Operand::Kind::gradient;
  }

  static size_t side(const Operand& operand) { return operand.kind == Operand::Kind::gradient ? 1 : 0; }

  double be_born(size_t op, const Operand& operand) {
    if (!is_tensor(operand) || held(side(operand), operand.index)) return 0;
    held(side(operand), operand.index) = true;
    born_[side(operand)][static_cast<size_t>(operand.index)] = true;
    result_.born[op].push_back(operand);
    return bytes_of(block_, operand);
  }

  std::vector<Operand> touched(const Op& op) const {
    std::vector<Operand> all;
    for (const auto* operands : {&op.reads, &op.writes})
      for (const Operand& operand : *operands)
        if (is_tensor(operand) && std::ranges::find(all, operand) == all.end()) all.push_back(operand);
    return all;
  }

  double die(size_t op, const Operand& operand) {
    const auto at = static_cast<size_t>(operand.index);
    const bool is_gradient = operand.kind == Operand::Kind::gradient;
    if (is_gradient && operand.index == block_.input) return 0;  // for the block before
    const bool incoming = walk_ == Walk::backward && is_gradient && operand.index == block_.output;
    const size_t s = side(operand);
    if (!incoming && !born_[s][at]) return 0;
    if (last_touch_[s][at] != op) return 0;
    result_.dead[op].push_back(operand);
    return bytes_of(block_, operand);
  }

  void find_last_touches() {
    for (auto& last : last_touch_) last.assign(block_.tensors.size(), 0);
    for (size_t i = 0; i < ops_->size(); ++i) {
      if (!result_.runs[i]) continue;
      for (const Operand& operand : touched((*ops_)[i]))
        last_touch_[side(operand)][static_cast<size_t>(operand.index)] = i;
    }
  }

  const Block& block_;
  Walk walk_;
  const std::vector<Op>* ops_ = nullptr;
  // By value or gradient, then by tensor.
  std::array<std::vector<bool>, 2> held_, born_;
  std::array<std::vector<size_t>, 2> last_touch_;  // op
  Lifetimes result_;
};

}  // namespace

double bytes_of(const Block& block, const Operand& operand) {
  if (operand.kind != Operand::Kind::value && operand.kind != Operand::Kind::gradient) return 0;
  return block.tensors[static_cast<size_t>(operand.index)].bytes();
}

std::vector<TensorId> kept_tensors(const Block& block, Kept kept) {
  return select(block, true, kept);
}

std::vector<TensorId> recomputed_tensors(const Block& block, Kept kept) {
  return select(block, false, kept);
}

Lifetimes lifetimes(const Block& block, Walk walk, Kept kept) {
  return Walker(block, walk, kept).follow();
}

}  // namespace paraplan
