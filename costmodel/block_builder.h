#pragma once

#include "costmodel/blocks.h"

namespace paraplan {

// Appends an op's forward and backward kernels to a block. Backward kernels are added in front, so the
// finished list is in execution order.
class BlockBuilder {
 public:
  BlockBuilder(const Fusion& fusion, const BlockShape& shape);

  // y = x W + b with x (rows, in), W (in, out). Backward: data gradient, weight gradient, bias gradient, and
  // the accumulation into the gradient buffer. The input is saved by the caller (it differs with sequence
  // parallel). owns_weight = false: W is counted elsewhere (tied embedding).
  void linear(const char* name, int64_t in, int64_t out, bool bias, bool owns_weight = true);

  // A memory-bound kernel over `elements`: bytes moved per element forward and backward, and kernels
  // launched.
  struct Traffic {
    double forward_bytes = 0, backward_bytes = 0;
    double forward_launches = 1, backward_launches = 1;
    double random_numbers = 0;  // per element, forward
  };
  void elementwise(OpKind kind, const char* name, double elements, const Traffic& traffic);

  // GELU over `elements`, and what it saves.
  void gelu(const char* name, double elements);

  // LayerNorm or RMSNorm over rows x width; saves its input.
  void norm(const char* name, double rows, int64_t width, bool bias);

  // Dropout and residual add of a branch's output (bias of the preceding linear included); saves the mask.
  void bias_dropout_add(const char* name, double elements, double dropout, bool bias);

  // Entry to and exit from a tensor-parallel region (Shoeybi et al. 2019; sequence parallel: Korthikanti et
  // al. 2022). Entry: nothing forward, all-reduce backward; or all-gather forward, reduce-scatter backward
  // plus the second all-gather of the input. Exit: all-reduce forward, nothing backward; or reduce-scatter /
  // all-gather.
  void enter_tensor_region(const char* name, double elements);
  void leave_tensor_region(const char* name, double elements);

  void forward(const Op& op) { block_.forward.push_back(op); }
  void backward(const Op& op) { reversed_backward_.push_back(op); }  // op runs before all added so far
  void save(const char* name, double bytes) { block_.saved.push_back({name, bytes, core_}); }
  void weight(const char* name, double elements);
  void transient(double bytes);

  // Ops and tensors added while set belong to the attention core.
  void set_attention_core(bool on) { core_ = on; }
  bool attention_core() const { return core_; }
  double element_bytes() const { return element_bytes_; }
  // Bytes per element of a dropout mask.
  double mask_bytes() const { return fusion_.dropout ? 1 : element_bytes_; }

  Block finish(double input_bytes);

 private:
  Op collective(OpKind kind, const char* name, double elements) const;

  const Fusion& fusion_;
  BlockShape shape_;
  double element_bytes_;
  bool core_ = false;
  Block block_;
  std::vector<Op> reversed_backward_;
};

}  // namespace paraplan
