#pragma once

#include <vector>

#include "costmodel/model/layout.h"
#include "costmodel/ops/op.h"
#include "costmodel/ops/op_key.h"

namespace paraplan {

// What a micro-batch keeps of a block between its forward and its backward pass, and which ops run anew.
enum class Kept {
  all,      // every saved tensor
  no_core,  // all but those of the attention core: selective recompute
  input,    // the block's input alone: full recompute
};
inline constexpr int kKepts = 3;

// Tensors and gradients that come to life right before op i, and die right after it. What is kept, and the
// block's output, are there before the walk; the gradient of the output comes in and dies in the backward
// walk, that of the input stays for the block before.
struct Lifetimes {
  std::vector<std::vector<Operand>> born, dead;  // by op; empty for ops that do not run
  std::vector<bool> runs;                        // by op
  double peak_bytes = 0;  // largest sum of what is alive between birth and death, g(output) included

  bool operator==(const Lifetimes&) const = default;
};

// `walk`: forward, recompute or backward.
Lifetimes lifetimes(const Block& block, Walk walk, Kept kept);

// Tensors that a micro-batch keeps, logits included, as TensorIds.
std::vector<TensorId> kept_tensors(const Block& block, Kept kept);
// Tensors that the recompute walk brings back, beside its working set, until the block's backward ends.
std::vector<TensorId> recomputed_tensors(const Block& block, Kept kept);

// Bytes of an operand's tensor or gradient; 0 for weights.
double bytes_of(const Block& block, const Operand& operand);

}  // namespace paraplan
