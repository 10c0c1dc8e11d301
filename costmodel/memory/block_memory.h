#pragma once

#include <array>
#include <vector>

#include "costmodel/memory/extras.h"
#include "costmodel/memory/memory_change.h"
#include "costmodel/model/scenario.h"
#include "costmodel/ops/lifetimes.h"

namespace paraplan {

// What the passes of one block do to the memory of a rank: births and deaths in order. The block's input and
// the gradient of its output come from its neighbours, its output and the gradient of its input go to them.
// Equal births that follow one another without a death between them may be one event.
class BlockEvents {
 public:
  // `most`: with the software's most wasteful loss.
  BlockEvents(const Scenario& scenario, const Layout& layout, const Block& block, bool most = false);

  std::vector<MemoryEvent> forward(Kept kept) const;
  std::vector<MemoryEvent> backward(Kept kept, Pass pass) const;  // with recompute
  // With FreesSaved::pass: what a micro-batch keeps of the block while it is in flight, logits left out.
  MemoryUse kept_by_pass(Kept kept) const;

 private:
  using Events = std::vector<MemoryEvent>;
  FreesSaved frees_saved() const;
  bool by_pass() const;
  const std::vector<TensorId>& kept_of(Kept kept) const { return kept_[static_cast<size_t>(kept)]; }
  const std::vector<TensorId>& redone_of(Kept kept) const { return redone_[static_cast<size_t>(kept)]; }
  void add_recompute(Kept kept, Events& events) const;
  void add_backward(Kept kept, Pass pass, Events& events) const;
  void add_walk(Walk walk, Kept kept, Events& events) const;
  TensorLives::Visit adder(Walk walk, Kept kept, Events& events) const;
  MemoryCategory category(const Operand& operand, Walk walk, Kept kept) const;
  double bytes(const std::vector<TensorId>& tensors, bool logits) const;
  double gathered_bytes() const;
  double whole_gradient_bytes() const;
  double split_off_bytes(Kept kept) const;

  const Scenario& scenario_;
  const Layout& layout_;
  const Block& block_;
  TensorLives lives_;
  std::array<std::vector<TensorId>, kKepts> kept_, redone_;  // by Kept
  std::vector<ExtraTensor> extras_;
};

// The same folded.
struct BlockMemory {
  // By Kept. Of a schedule that splits backward passes, `backward` is the data pass.
  std::array<MemoryChange, kKepts> forward, backward, weight;
  std::array<MemoryUse, kKepts> kept_by_pass;  // by Kept
  MemoryChange most_backward;                  // Kept::all, with the software's most wasteful loss
  double input_bytes = 0, output_bytes = 0;    // 0: none
  double score_bytes = 0;                      // of attention that is not fused
  MatrixShapes gradient_shapes;
};

BlockMemory block_memory(const Scenario& scenario, const Layout& layout, const Block& block);

}  // namespace paraplan
