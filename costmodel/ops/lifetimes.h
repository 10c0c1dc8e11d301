#pragma once

#include <functional>
#include <vector>

#include "costmodel/model/layout.h"
#include "costmodel/ops/op.h"
#include "costmodel/ops/op_key.h"
#include "costmodel/profile/software_profile.h"

namespace paraplan {

// What a micro-batch keeps of a block between its forward and its backward pass, and which ops run anew.
enum class Kept {
  all,      // every saved tensor
  no_core,  // all but those of the attention core: selective recompute
  input,    // the block's input alone: full recompute
};
inline constexpr int kKepts = 3;

// By op of block.backward: whether a weight pass may run it later, because nothing that other ops of the walk
// or the block before need comes from it, and none of them overwrites what it reads.
std::vector<bool> weight_ops(const Block& block);

// Tensors and gradients that come to life right before op i, and die right after it. There before the walk:
// what was kept; of the forward walk, the block's input and what it is given; of the others, the gradient of
// the output. There behind it: what is kept, and the block's output; of the backward walk, the gradient of
// the input alone. With FreesSaved::pass what a micro-batch keeps, and the block's output, come and go
// outside. What a data pass leaves for the weight pass is there between the two.
struct Lifetimes {
  std::vector<std::vector<Operand>> born, dead;  // by op; empty for ops that do not run
  std::vector<bool> runs;                        // by op

  bool operator==(const Lifetimes&) const = default;
};

// The lives of a block's tensors, for many questions about one block: those below ask it once.
class TensorLives {
 public:
  // Keeps a reference to the block.
  explicit TensorLives(const Block& block);

  std::vector<TensorId> kept(Kept kept) const;
  std::vector<TensorId> recomputed(Kept kept) const;
  bool is_kept(TensorId t, Kept kept) const { return is_saved(t, kept) && may_stay(t, kept); }

  // Calls `visit` for every op that runs, with what Lifetimes has of it. `walk`: forward, recompute or
  // backward; `pass`: of the last.
  using Visit =
      std::function<void(size_t op, const std::vector<Operand>& born, const std::vector<Operand>& dead)>;
  void walk(Walk walk, Kept kept, FreesSaved frees_saved, Pass pass, const Visit& visit) const;

 private:
  bool is_saved(TensorId t, Kept kept) const;
  bool may_stay(TensorId t, Kept kept) const;
  std::vector<TensorId> saved(Kept kept, bool stays) const;

  const Block& block_;
  std::vector<bool> read_in_backward_;  // by tensor
};

Lifetimes lifetimes(const Block& block, Walk walk, Kept kept, FreesSaved frees_saved = FreesSaved::pass,
                    Pass pass = Pass::backward);

// Tensors that a micro-batch keeps, logits included, as TensorIds.
std::vector<TensorId> kept_tensors(const Block& block, Kept kept);
// Tensors that the recompute walk brings back, beside its working set, for the block's backward walk.
std::vector<TensorId> recomputed_tensors(const Block& block, Kept kept);

// Bytes of all that a micro-batch keeps.
double kept_bytes(const Block& block, Kept kept);

// Bytes of an operand's tensor or gradient; 0 for weights.
double bytes_of(const Block& block, const Operand& operand);

}  // namespace paraplan
