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
  std::vector<bool> saved = read_in_backward(block);
  if (kept == Kept::input && block.input >= 0) saved[static_cast<size_t>(block.input)] = true;
  std::vector<TensorId> found;
  for (size_t i = 0; i < saved.size(); ++i) {
    const auto t = static_cast<TensorId>(i);
    if (saved[i] && is_kept(block, t, kept) == want_kept) found.push_back(t);
  }
  return found;
}

bool is_tensor(const Operand& operand) {
  return operand.kind == Operand::Kind::value || operand.kind == Operand::Kind::gradient;
}

// Values and gradients of a block's tensors.
class OperandSet {
 public:
  explicit OperandSet(const Block& block) {
    for (auto& side : has_) side.assign(block.tensors.size(), false);
  }
  std::vector<bool>::reference operator[](const Operand& operand) {
    return has_[operand.kind == Operand::Kind::gradient ? 1 : 0][static_cast<size_t>(operand.index)];
  }
  void add(const std::vector<TensorId>& values) {
    for (TensorId t : values) add(t);
  }
  void add(TensorId t) {
    if (t >= 0) has_[0][static_cast<size_t>(t)] = true;
  }
  void add(const OperandSet& others) {
    for (size_t side = 0; side < has_.size(); ++side)
      for (size_t i = 0; i < has_[side].size(); ++i)
        if (others.has_[side][i]) has_[side][i] = true;
  }
  void add_gradient(TensorId t) {
    if (t >= 0) has_[1][static_cast<size_t>(t)] = true;
  }

 private:
  std::array<std::vector<bool>, 2> has_;
};

// Follows one walk: what is there, and when it is touched last.
class Walker {
 public:
  Walker(const Block& block, Walk walk, Kept kept, FreesSaved frees_saved, Pass pass)
      : block_(block),
        walk_(walk),
        kept_(kept),
        frees_saved_(frees_saved),
        pass_(pass),
        ops_(walk == Walk::backward ? block.backward : block.forward),
        there_(block),
        stays_(block) {
    if (frees_saved == FreesSaved::op) {
      begin_by_op();
    } else {
      begin_by_pass();
    }
    choose_ops();
    if (pass != Pass::backward) share_with_other_pass();
    result_.born.resize(ops_.size());
    result_.dead.resize(ops_.size());
  }

  Lifetimes follow() {
    // The last that touches something is the first that is seen from behind.
    OperandSet seen(block_);
    std::vector<std::vector<Operand>> last(ops_.size());
    for (size_t i = ops_.size(); i-- > 0;) {
      if (!result_.runs[i]) continue;
      for (const auto* operands : {&ops_[i].reads, &ops_[i].writes}) {
        for (const Operand& operand : *operands) {
          if (!is_tensor(operand) || seen[operand]) continue;
          seen[operand] = true;
          last[held_to_end(operand) ? end_ : i].push_back(operand);
        }
      }
    }
    for (const Operand& operand : untouched(seen)) last[end_].push_back(operand);
    for (size_t i = 0; i < ops_.size(); ++i) {
      if (!result_.runs[i]) continue;
      for (const Operand& operand : ops_[i].writes) be_born(i, operand);
      for (const Operand& operand : last[i])
        if (there_[operand] && !stays_[operand]) result_.dead[i].push_back(operand);
    }
    return std::move(result_);
  }

 private:
  void choose_ops() {
    const bool core_only = walk_ == Walk::recompute && kept_ == Kept::no_core;
    if (pass_ != Pass::backward) later_ = weight_ops(block_);
    for (size_t i = 0; i < ops_.size(); ++i) {
      const bool runs = pass_ == Pass::backward ? !core_only || ops_[i].attention_core
                                                : later_[i] == (pass_ == Pass::weight);
      result_.runs.push_back(runs);
      if (runs) end_ = i;
    }
  }

  // What ops of the weight pass read that they do not write: it stays behind the data pass, and is there
  // before the weight pass, with nothing else.
  void share_with_other_pass() {
    OperandSet shared(block_), written(block_);
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
    there_ = stays_ = OperandSet(block_);
    if (frees_saved_ == FreesSaved::pass) stays_.add(kept_tensors(block_, Kept::all));
    there_.add(shared), there_.add(stays_);
  }

  // Kept tensors, and the block's output, have their places all the time.
  void begin_by_pass() {
    std::vector<TensorId> outside = kept_tensors(block_, walk_ == Walk::forward ? kept_ : Kept::all);
    if (walk_ == Walk::forward && block_.output >= 0) outside.push_back(block_.output);
    there_.add(outside), stays_.add(outside);
    begin_gradients();
  }

  void begin_by_op() {
    const std::vector<TensorId> kept = kept_tensors(block_, kept_), saved = kept_tensors(block_, Kept::all);
    if (walk_ == Walk::forward) {
      for (TensorId t : {block_.input, block_.tokens, block_.targets}) there_.add(t);
      stays_.add(kept), stays_.add(block_.output);
      return;
    }
    there_.add(kept);
    if (walk_ == Walk::recompute) stays_.add(kept), stays_.add(saved), stays_.add(redone_output());
    if (walk_ == Walk::backward) there_.add(saved), there_.add(redone_output());
    begin_gradients();
  }

  // The gradient of the output waits while the block is recomputed, and is used up in the backward walk.
  void begin_gradients() {
    if (walk_ != Walk::forward) there_.add_gradient(block_.output);
    if (walk_ == Walk::recompute) stays_.add_gradient(block_.output);
    if (walk_ == Walk::backward) stays_.add_gradient(block_.input);
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

  std::vector<Operand> untouched(OperandSet& seen) {
    std::vector<Operand> all;
    for (size_t i = 0; i < block_.tensors.size(); ++i) {
      for (const auto kind : {Operand::Kind::value, Operand::Kind::gradient}) {
        const Operand operand{kind, static_cast<int>(i)};
        if (there_[operand] && !seen[operand]) all.push_back(operand);
      }
    }
    return all;
  }

  void be_born(size_t op, const Operand& operand) {
    if (!is_tensor(operand) || there_[operand]) return;
    there_[operand] = true;
    result_.born[op].push_back(operand);
  }

  const Block& block_;
  Walk walk_;
  Kept kept_;
  FreesSaved frees_saved_;
  Pass pass_;
  const std::vector<Op>& ops_;
  std::vector<bool> later_;  // by op: of the weight pass
  OperandSet there_, stays_;
  size_t end_ = 0;  // the last op that runs
  Lifetimes result_;
};

}  // namespace

std::vector<bool> weight_ops(const Block& block) {
  OperandSet needed(block), overwritten(block);  // by ops further back that run in the data pass
  needed.add_gradient(block.input);
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

std::vector<TensorId> kept_tensors(const Block& block, Kept kept) {
  return select(block, true, kept);
}

double kept_bytes(const Block& block, Kept kept) {
  double sum = 0;
  for (TensorId t : kept_tensors(block, kept)) sum += bytes_of(block, {Operand::Kind::value, t});
  return sum;
}

std::vector<TensorId> recomputed_tensors(const Block& block, Kept kept) {
  return select(block, false, kept);
}

Lifetimes lifetimes(const Block& block, Walk walk, Kept kept, FreesSaved frees_saved, Pass pass) {
  return Walker(block, walk, kept, frees_saved, pass).follow();
}

}  // namespace paraplan
