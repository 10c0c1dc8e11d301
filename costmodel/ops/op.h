#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "costmodel/base/op_kind.h"
#include "costmodel/base/precision.h"

namespace paraplan {

// Ranks a collective runs over.
enum class CommGroup {
  none,
  tensor,
  context,
  data,  // data and context axes: ranks with the same weights
  ends,  // first and last stage
  all,
};

using TensorId = int;  // place in Block::tensors
using WeightId = int;  // place in Block::weights

// What an op reads or writes.
struct Operand {
  enum class Kind : int8_t { none, value, gradient, weight, weight_gradient };
  Kind kind = Kind::none;
  int index = -1;  // of the tensor or weight

  explicit operator bool() const { return kind != Kind::none; }
  bool operator==(const Operand&) const = default;
};

// One kernel (or a fixed small number of them) with its local shape. The executor launches it, the simulator
// prices it.
struct Op {
  OpKind kind = OpKind::gemm;
  const char* name = "";
  Derivative derivative = Derivative::none;
  bool attention_core = false;  // redone by selective recompute
  // gemm: (m, k) x (k, n). attention_*, grouped_gemm: `batch` products, attention_* as in the forward pass.
  // flash_attention: m queries, n keys that each may see, heads of width k (of keys and values on average),
  // `batch` samples times heads; both directions.
  int64_t m = 0, n = 0, k = 0;
  // adam: `batch` parameters.
  double batch = 1;
  bool on_host =
      false;         // adam: on the host's cores; `bytes` are what crosses its link, gradients and weights
  double flop = 0;   // flash_attention: useful FLOPs, causal counted as half
  double bytes = 0;  // memory traffic; payload of a collective (full, unsharded buffer); host_copy: size
  double random_numbers = 0;  // drawn for a dropout mask; flash_attention draws it again backward
  double launches = 1;        // kernels issued by the host
  CommGroup group = CommGroup::none;
  bool maximum = false;     // all_reduce: largest instead of sum
  bool transposed = false;  // gemm: W is stored (n, k), as the forward pass sees it
  // flash_attention: queries see no later keys, and about half of the work is skipped. Not said of other ops,
  // whose work is in their bytes.
  bool causal = false;
  bool beside_gemm =
      false;  // collective that software may run beside the weight- or data-gradient GEMM before it
  std::array<Operand, 6> reads = {};
  std::array<Operand, 6> writes = {};
};

// A tensor that passes between ops, with its local shape.
struct Tensor {
  const char* name = "";
  int64_t rows = 0, width = 0;
  DataType type = DataType::fp16;
  bool attention_core = false;  // dropped and recomputed under selective recompute
  bool sequence_shard = false;  // the tensor group splits its rows (sequence parallel)
  bool logits = false;          // (or as large): accounted for as the loss's memory

  double bytes() const {
    return static_cast<double>(rows) * static_cast<double>(width) * static_cast<double>(bytes_of(type));
  }
};

// Over which dimension the tensor group splits a weight.
enum class WeightShard { none, rows, columns };

enum class InitialValue { random, ones, zeros };

// A parameter tensor as this rank holds it: (rows, columns).
struct Weight {
  const char* name = "";
  double elements = 0;
  bool owned = true;            // false: counted with another block (tied embedding)
  bool word_embedding = false;  // the table of the model's words, in each block that uses it
  int64_t rows = 1, columns = 0;
  WeightShard shard = WeightShard::none;
  // Columns of matrices that lie side by side and are split one by one (query, key, value; gate, up).
  // All 0: one matrix.
  std::array<int64_t, 3> parts = {};
  InitialValue initial = InitialValue::random;
  // Each rank of the tensor group sees a part of the tokens, so its gradient is a part of the sum.
  bool partial_gradient = false;
  double used_share = 1;  // of its elements, by one token: of the weights of experts, those it is sent to
};

// How much model state a rank holds of a block, or of several, before ZeRO.
struct StateCount {
  double parameters = 0;
  double weights = 0;  // tensors
  double partial_parameters =
      0;  // whose gradients are summed over the tensor group (Weight::partial_gradient)

  StateCount& add(const StateCount& other, double times = 1);
  bool operator==(const StateCount&) const = default;
};

// A block of the model: what one pass over it runs, keeps and owns. Parameter counts, FLOPs, activation
// bytes, kernel launches and messages all derive from this.
struct Block {
  std::vector<Op> forward;
  std::vector<Op> backward;  // in execution order
  std::vector<Tensor> tensors;
  std::vector<Weight> weights;
  TensorId input = -1;    // from the block before; -1: none
  TensorId output = -1;   // for the block behind; -1: none
  TensorId tokens = -1;   // embedding: the micro-batch's tokens, (B*T, 1)
  TensorId targets = -1;  // head: their targets

  StateCount state() const;  // of the weights that it owns
  double parameters() const { return state().parameters; }
};

// Whether any of the ops needs the block's weights.
bool reads_weights(const std::vector<Op>& ops);

// The part of the step's time that an op belongs to, outside recompute.
TimeCategory time_category(const Op& op);

}  // namespace paraplan
