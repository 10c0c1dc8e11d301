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

bool is_tensor(const Operand& operand) {
  return operand.kind == Operand::Kind::value || operand.kind == Operand::Kind::gradient;
}

// Values and gradients of a block's tensors, each with something.
template <class Value>
class ByOperand {
 public:
  ByOperand(const Block& block, Value value) : values_(2 * block.tensors.size(), value) {}
  Value& operator[](const Operand& operand) {
    const size_t side = operand.kind == Operand::Kind::gradient ? 1 : 0;
    return values_[2 * static_cast<size_t>(operand.index) + side];
  }
  void add(const ByOperand& others) {
    for (size_t i = 0; i < values_.size(); ++i)
      if (others.values_[i]) values_[i] = others.values_[i];
  }

 private:
  std::vector<Value> values_;
};

// Follows one walk: what is there, and when it is touched last.
class Walker {
 public:
  Walker(const Block& block, const TensorLives& lives, Walk walk, Kept kept, FreesSaved frees_saved,
         Pass pass)
      : block_(block),
        lives_(lives),
        walk_(walk),
        kept_(kept),
        frees_saved_(frees_saved),
        pass_(pass),
        ops_(walk == Walk::backward ? block.backward : block.forward),
        there_(block, false),
        stays_(block, false),
        last_(block, kNever) {
    if (frees_saved == FreesSaved::op) {
      begin_by_op();
    } else {
      begin_by_pass();
    }
    if (pass != Pass::backward) share_with_other_pass();
    for (size_t i = 0; i < ops_.size(); ++i)
      if (runs(i)) end_ = i;
  }

  void follow(const TensorLives::Visit& visit) {
    find_last();
    std::vector<Operand> born, dead;
    for (size_t i = 0; i < ops_.size(); ++i) {
      if (!runs(i)) continue;
      born.clear(), dead.clear();
      for (const Operand& operand : ops_[i].writes)
        if (is_born(operand)) born.push_back(operand);
      for (const auto* operands : {&ops_[i].reads, &ops_[i].writes})
        for (const Operand& operand : *operands)
          if (dies(i, operand)) dead.push_back(operand);
      if (i == end_)
        for (const Operand& operand : at_end_)
          if (dies(i, operand)) dead.push_back(operand);
      visit(i, born, dead);
    }
  }

 private:
  static constexpr int kNever = -1;

  bool runs(size_t op) const {
    if (pass_ != Pass::backward) return later_[op] == (pass_ == Pass::weight);
    return walk_ != Walk::recompute || kept_ != Kept::no_core || ops_[op].attention_core;
  }

  // The last that touches something is the first that is seen from behind. What none touches, and is there,
  // goes with the end of the walk.
  void find_last() {
    const auto end = static_cast<int>(end_);
    for (size_t i = ops_.size(); i-- > 0;) {
      if (!runs(i)) continue;
      for (const auto* operands : {&ops_[i].reads, &ops_[i].writes}) {
        for (const Operand& operand : *operands) {
          if (!is_tensor(operand) || last_[operand] != kNever) continue;
          last_[operand] = held_to_end(operand) ? end : static_cast<int>(i);
          if (held_to_end(operand)) at_end_.push_back(operand);
        }
      }
    }
    for (size_t i = 0; i < block_.tensors.size(); ++i) {
      for (const auto kind : {Operand::Kind::value, Operand::Kind::gradient}) {
        const Operand operand{kind, static_cast<int>(i)};
        if (!there_[operand] || last_[operand] != kNever) continue;
        last_[operand] = end;
        at_end_.push_back(operand);
      }
    }
  }

  // Kept tensors, and the block's output, have their places all the time.
  void begin_by_pass() {
    for (auto* places : {&there_, &stays_}) {
      add_kept(walk_ == Walk::forward ? kept_ : Kept::all, *places);
      if (walk_ == Walk::forward) add(Operand::Kind::value, block_.output, *places);
    }
    begin_gradients();
  }

  void begin_by_op() {
    constexpr auto value = Operand::Kind::value;
    if (walk_ == Walk::forward) {
      for (TensorId t : {block_.input, block_.tokens, block_.targets}) add(value, t, there_);
      add_kept(kept_, stays_), add(value, block_.output, stays_);
      return;
    }
    add_kept(kept_, there_);
    auto& places = walk_ == Walk::recompute ? stays_ : there_;
    add_kept(kept_, places), add_kept(Kept::all, places), add(value, redone_output(), places);
    begin_gradients();
  }

  // The gradient of the output waits while the block is recomputed, and is used up in the backward walk.
  void begin_gradients() {
    constexpr auto gradient = Operand::Kind::gradient;
    if (walk_ != Walk::forward) add(gradient, block_.output, there_);
    if (walk_ == Walk::recompute) add(gradient, block_.output, stays_);
    if (walk_ == Walk::backward) add(gradient, block_.input, stays_);
  }

  static void add(Operand::Kind kind, TensorId t, ByOperand<char>& places) {
    if (t >= 0) places[{kind, t}] = true;
  }

  void add_kept(Kept kept, ByOperand<char>& places) const {
    for (TensorId t = 0; t < static_cast<TensorId>(block_.tensors.size()); ++t)
      if (lives_.is_kept(t, kept)) add(Operand::Kind::value, t, places);
  }

  // What ops of the weight pass read that they do not write: it stays behind the data pass, and is there
  // before the weight pass, with nothing else.
  void share_with_other_pass() {
    later_ = weight_ops(block_);
    ByOperand<char> shared(block_, false), written(block_, false);
    for (size_t i = 0; i < ops_.size(); ++i) {
      if (!later_[i]) continue;
      for (const Operand& operand : ops_[i].reads)
        if (is_tensor(operand) && !written[operand]) shared[operand] = true;
      for (const Operand& operand : ops_[i].writes)
        if (is_tensor(operand)) written[operand] = true;
    }
    if (pass_ == Pass::data) {
      stays_.add(shared);
      return;
    }
    there_ = stays_ = ByOperand<char>(block_, false);
    if (frees_saved_ == FreesSaved::pass) add_kept(Kept::all, stays_);
    there_.add(shared), there_.add(stays_);
  }

  // A region that is redone as a whole ends with its output in hand.
  TensorId redone_output() const { return kept_ == Kept::input ? block_.output : -1; }

  // The function that redoes a region holds its arguments, its output and the gradient of that until it
  // returns.
  bool held_to_end(const Operand& operand) const {
    if (frees_saved_ == FreesSaved::pass || walk_ != Walk::backward || kept_ != Kept::input) return false;
    return operand.index == block_.output ||
           (operand.index == block_.input && operand.kind == Operand::Kind::value);
  }

  bool is_born(const Operand& operand) {
    if (!is_tensor(operand) || there_[operand]) return false;
    there_[operand] = true;
    return true;
  }

  bool dies(size_t op, const Operand& operand) {
    if (!is_tensor(operand) || last_[operand] != static_cast<int>(op)) return false;
    last_[operand] = kNever;  // once
    return there_[operand] && !stays_[operand];
  }

  const Block& block_;
  const TensorLives& lives_;
  Walk walk_;
  Kept kept_;
  FreesSaved frees_saved_;
  Pass pass_;
  const std::vector<Op>& ops_;
  std::vector<bool> later_;  // by op: of the weight pass
  ByOperand<char> there_, stays_;
  ByOperand<int> last_;          // op
  std::vector<Operand> at_end_;  // dies with the last op whether that touches it or not
  size_t end_ = 0;               // the last op that runs
};

}  // namespace

std::vector<bool> weight_ops(const Block& block) {
  // By ops further back that run in the data pass.
  ByOperand<char> needed(block, false), overwritten(block, false);
  if (block.input >= 0) needed[{Operand::Kind::gradient, block.input}] = true;
  std::vector<bool> later(block.backward.size());
  for (size_t i = block.backward.size(); i-- > 0;) {
    const Op& op = block.backward[i];
    later[i] = true;
    for (const Operand& operand : op.writes)
      if (is_tensor(operand) && needed[operand]) later[i] = false;
    for (const Operand& operand : op.reads)
      if (is_tensor(operand) && overwritten[operand]) later[i] = false;
    if (later[i]) continue;
    for (const Operand& operand : op.reads)
      if (is_tensor(operand)) needed[operand] = true;
    for (const Operand& operand : op.writes)
      if (is_tensor(operand)) overwritten[operand] = true;
  }
  return later;
}

double bytes_of(const Block& block, const Operand& operand) {
  return is_tensor(operand) ? block.tensors[static_cast<size_t>(operand.index)].bytes() : 0;
}

TensorLives::TensorLives(const Block& block)
    : block_(block), read_in_backward_(paraplan::read_in_backward(block)) {}

bool TensorLives::is_saved(TensorId t, Kept kept) const {
  return read_in_backward_[static_cast<size_t>(t)] || (kept == Kept::input && t == block_.input);
}

// Inputs of the micro-batch are kept whatever is recomputed.
bool TensorLives::may_stay(TensorId t, Kept kept) const {
  if (t == block_.input || t == block_.tokens || t == block_.targets) return true;
  if (kept == Kept::input) return false;
  return kept == Kept::all || !block_.tensors[static_cast<size_t>(t)].attention_core;
}

std::vector<TensorId> TensorLives::saved(Kept kept, bool stays) const {
  std::vector<TensorId> found;
  for (TensorId t = 0; t < static_cast<TensorId>(block_.tensors.size()); ++t)
    if (is_saved(t, kept) && may_stay(t, kept) == stays) found.push_back(t);
  return found;
}

std::vector<TensorId> TensorLives::kept(Kept kept) const {
  return saved(kept, true);
}

std::vector<TensorId> TensorLives::recomputed(Kept kept) const {
  return saved(kept, false);
}

void TensorLives::walk(Walk walk, Kept kept, FreesSaved frees_saved, Pass pass, const Visit& visit) const {
  Walker(block_, *this, walk, kept, frees_saved, pass).follow(visit);
}

std::vector<TensorId> kept_tensors(const Block& block, Kept kept) {
  return TensorLives(block).kept(kept);
}

std::vector<TensorId> recomputed_tensors(const Block& block, Kept kept) {
  return TensorLives(block).recomputed(kept);
}

double kept_bytes(const Block& block, Kept kept) {
  double sum = 0;
  for (TensorId t : kept_tensors(block, kept)) sum += bytes_of(block, {Operand::Kind::value, t});
  return sum;
}

Lifetimes lifetimes(const Block& block, Walk walk, Kept kept, FreesSaved frees_saved, Pass pass) {
  const size_t ops = (walk == Walk::backward ? block.backward : block.forward).size();
  Lifetimes found;
  found.born.resize(ops), found.dead.resize(ops), found.runs.resize(ops);
  TensorLives(block).walk(walk, kept, frees_saved, pass, [&](size_t op, const auto& born, const auto& dead) {
    found.born[op] = born, found.dead[op] = dead, found.runs[op] = true;
  });
  return found;
}

}  // namespace paraplan
