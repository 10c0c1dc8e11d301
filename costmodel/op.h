#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace paraplan {

enum class OpKind {
  gemm,
  attention_matmul,  // batched products of unfused attention
  flash_attention,
  flash_attention_backward,
  norm,
  softmax,
  dropout,
  activation,
  add,  // bias, residual, bias-dropout-residual
  rotary,
  embedding,
  cross_entropy,
  copy,        // layout changes, casts
  accumulate,  // weight gradient into the gradient buffer
  all_reduce,
  all_gather,
  reduce_scatter,
  host_copy,  // between host and device memory
};

// Ranks a collective runs over.
enum class CommGroup { none, tensor, context, data };

// One kernel (or a fixed small number of them) with its local shape. The executor launches it, the simulator
// prices it.
struct Op {
  OpKind kind = OpKind::gemm;
  const char* name = "";
  bool attention_core = false;  // redone by selective recompute
  // gemm, attention_matmul: `batch` products (m, k) x (k, n)
  int64_t m = 0, n = 0, k = 0;
  double batch = 1;
  double flop = 0;   // flash_attention: useful FLOPs, causal counted as half
  double bytes = 0;  // memory traffic; payload of a collective (full, unsharded buffer); host_copy: size
  double random_numbers = 0;  // drawn for a dropout mask
  double launches = 1;        // kernels issued by the host
  CommGroup group = CommGroup::none;
  bool beside_gemm =
      false;  // collective that software may run beside the weight- or data-gradient GEMM before it
};

// A tensor that the forward pass keeps for the backward pass of the same micro-batch.
struct SavedTensor {
  const char* name = "";
  double bytes = 0;
  bool attention_core = false;  // dropped and recomputed under selective recompute
};

// A parameter tensor as this rank holds it.
struct Weight {
  const char* name = "";
  double elements = 0;
  bool owned = true;  // false: counted with another block (tied embedding)
};

// A block of the model: what one pass over it runs, keeps and owns. Parameter counts, FLOPs, activation
// bytes, kernel launches and messages all derive from this.
struct Block {
  std::vector<Op> forward;
  std::vector<Op> backward;  // in execution order
  std::vector<SavedTensor> saved;
  std::vector<Weight> weights;
  double input_bytes = 0;      // what a checkpoint of the block keeps
  double transient_bytes = 0;  // largest working set beyond `saved` during the backward pass

  double parameters() const;
  double saved_bytes() const;
  double attention_core_bytes() const;
};

}  // namespace paraplan
