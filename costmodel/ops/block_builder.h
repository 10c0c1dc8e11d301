#pragma once

#include <array>
#include <optional>
#include <utility>

#include "costmodel/ops/blocks.h"

namespace paraplan {

// Appends layers' operations to a block: their forward ops, their backward ops, and the tensors that pass
// between them. Backward ops are added in front, so the finished list is in execution order. What the
// forward pass must keep follows from what the backward ops read.
class BlockBuilder {
 public:
  BlockBuilder(const Fusion& fusion, const BlockShape& shape);

  // The block's input and output, activations in the model's element type unless said otherwise. Between
  // blocks the tensor group splits the rows under sequence parallel.
  TensorId input(const char* name, int64_t width);
  void output(TensorId t) { block_.output = t; }
  TensorId tensor(const char* name, int64_t rows, int64_t width);
  TensorId tensor(const char* name, int64_t rows, int64_t width, DataType type);
  // One with the rows of t, split over the tensor group as they are.
  TensorId rows_of(TensorId t, const char* name, int64_t width);
  TensorId rows_of(TensorId t, const char* name, int64_t width, DataType type);

  // The first or last columns of t: no memory of their own.
  TensorId columns_of(TensorId t, const char* name, int64_t width);

  // A second use of t: its gradient is that of the path it takes; the two are added behind (in the backward
  // pass) whatever is built from t until now on.
  TensorId fork(TensorId t);

  // Where the bias of a linear is added: by the op behind it, by a kernel of its own, or in the GEMM.
  enum class BiasPlace { next_op, own_kernel, epilogue };

  // y = x W + b, with W (in, out), or (out, in) when `transposed`. `shard`: how the tensor group splits W.
  // Backward: bias gradient, data gradient, weight gradient.
  struct Linear {
    int64_t in = 0, out = 0;  // local
    bool bias = false;
    BiasPlace bias_place = BiasPlace::next_op;
    WeightShard shard = WeightShard::none;
    std::array<int64_t, 3> parts = {};
    bool transposed = false;
    bool owns_weight = true;  // false: W is counted elsewhere (tied embedding)
    bool word_embedding = false;
    bool logits = false;
  };
  struct LinearResult {
    TensorId y = -1;
    WeightId bias = -1;
  };
  LinearResult linear(const char* name, TensorId x, const Linear& options);

  // A memory-bound kernel over `elements`: bytes moved per element forward and backward, and kernels
  // launched.
  struct Traffic {
    double forward_bytes = 0, backward_bytes = 0;
    double forward_launches = 1, backward_launches = 1;
    double random_numbers = 0;  // per element, forward
  };
  struct Operands {
    std::array<Operand, 6> reads = {}, writes = {};
  };
  // The forward op, and the backward op with respect to the data unless `of` says otherwise. An op without
  // launches is left out.
  void elementwise(OpKind kind, const char* name, double elements, const Traffic& traffic,
                   const Operands& forward_operands, const Operands& backward_operands,
                   Derivative of = Derivative::data);

  // GELU and ReLU of x + bias.
  TensorId gelu(const char* name, TensorId x, WeightId bias);
  TensorId relu(const char* name, TensorId x, WeightId bias);

  // LayerNorm (with a shift) or RMSNorm of the rows of x.
  TensorId norm(const char* name, TensorId x, bool shift);

  // cap * tanh(x / cap): two kernels around the tanh.
  TensorId soft_cap(const char* name, TensorId x);

  // a + b, to which both gradients are that of the sum.
  TensorId sum(const char* name, TensorId a, TensorId b);

  // residual + dropout(x + bias): dropout and residual add of a branch's output, or of two branches' that
  // are added already, each with its bias.
  TensorId bias_dropout_add(const char* name, TensorId x, std::array<WeightId, 2> biases, TensorId residual,
                            double dropout);

  // Entry to and exit from a tensor-parallel region (Shoeybi et al. 2019; sequence parallel: Korthikanti et
  // al. 2022). Entry: nothing forward, all-reduce backward; or all-gather forward, reduce-scatter backward
  // plus the second all-gather of the input, between the two gradients of the next linear(). Exit:
  // all-reduce forward, nothing backward; or reduce-scatter / all-gather. `beside_gemm`: a linear() reads the
  // result, and software may reduce its gradient beside that one's weight gradient.
  TensorId enter_tensor_region(const char* name, TensorId x, bool beside_gemm = true);
  TensorId leave_tensor_region(const char* name, TensorId x);

  // Under sequence parallel the weight gradient of the next linear() waits for its input to be gathered
  // again. Where several read that input, it is the last of them that is built whose backward pass comes
  // first.
  std::optional<Op> hold_regather() { return std::exchange(regather_, std::nullopt); }
  void regather_for_next(std::optional<Op> held) { regather_ = held; }

  void forward(const Op& op) { block_.forward.push_back(op); }
  void backward(const Op& op) { reversed_backward_.push_back(op); }  // op runs before all added so far
  WeightId weight(const Weight& w);

  // Kernels that add a weight's gradient to the gradient buffer; none where the gradient ops do so
  // themselves.
  void accumulate(const char* name, double bytes, double launches);

  static Operand value(TensorId t) { return {Operand::Kind::value, t}; }
  static Operand gradient(TensorId t) { return {Operand::Kind::gradient, t}; }
  static Operand parameter(WeightId w);  // nothing for -1
  static Operand parameter_gradient(WeightId w);
  // From now on g(t) stands for `same`: no memory of its own.
  void alias_gradient(TensorId t, Operand same);

  // Ops and tensors added while set belong to the attention core.
  void set_attention_core(bool on) { core_ = on; }
  const Tensor& at(TensorId t) const { return block_.tensors[static_cast<size_t>(t)]; }
  Tensor& at(TensorId t) { return block_.tensors[static_cast<size_t>(t)]; }
  double elements(TensorId t) const {
    return static_cast<double>(at(t).rows) * static_cast<double>(at(t).width);
  }
  double element_bytes() const { return static_cast<double>(bytes_of(type_)); }
  // Of a dropout mask.
  DataType mask_type() const { return fusion_.dropout ? DataType::int8 : type_; }
  int64_t mask_bytes() const { return bytes_of(mask_type()); }
  // Of a statistic: fp32, or the element type where that is wider.
  DataType statistic_type() const { return type_ == DataType::fp64 ? type_ : DataType::fp32; }

  Block finish();

 private:
  void add_bias(const char* name, TensorId y, WeightId bias, bool own_kernel);
  Op collective(OpKind kind, const char* name, TensorId from, TensorId to) const;
  Op weight_gradient(const Op& forward_op, const Linear& options, TensorId x, TensorId y, WeightId w) const;
  Operand resolve(Operand operand) const;
  void resolve(std::vector<Op>& ops) const;

  const Fusion& fusion_;
  BlockShape shape_;
  DataType type_;
  bool core_ = false;
  Block block_;
  std::vector<Op> reversed_backward_;
  std::vector<Operand> value_alias_, gradient_alias_;  // by tensor; none: itself
  std::optional<Op> regather_;                         // waits for the next linear()
};

}  // namespace paraplan
