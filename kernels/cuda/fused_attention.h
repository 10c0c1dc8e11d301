#pragma once

#include <memory>
#include <string>

#include "kernels/backend.h"
#include "kernels/cuda/queue.h"

namespace paraplan {

// Operands of an attention without stored scores, forward or backward; see Backend::flash_attention.
struct AttentionOperands {
  HeadRows query, key, value;
  Matrix merged, log_sum_exp;
  Matrix gradient = {};  // of merged; the rest is unused in the forward pass
  HeadRows query_gradient = {}, key_gradient = {}, value_gradient = {};
};

// Attention by cuDNN's fused kernels, where the build has them. Plans are made once per shape and kept. With
// PARAPLAN_ATTENTION=own in the environment it does nothing, so that the project's own kernels are tested and
// timed.
class FusedAttention {
 public:
  FusedAttention(ElementType type, QueueHandle queue);
  ~FusedAttention();
  FusedAttention(FusedAttention&&) noexcept;
  FusedAttention& operator=(FusedAttention&&) noexcept;

  // False where cuDNN is not there or does not support the case (fp32, dropout with masks of our own, keys in
  // parts, ...): then nothing was queued.
  bool forward(const AttentionShape& shape, double scale, double dropout, const AttentionOperands& operands);
  // The order of its sums, and so their rounding, may differ from call to call.
  bool backward(const AttentionShape& shape, double scale, double dropout, const AttentionOperands& operands);

  // Device memory that the plans made so far work in.
  size_t workspace_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// "cuDNN 9.19.0"; empty where the build has none.
std::string fused_attention_library();

}  // namespace paraplan
