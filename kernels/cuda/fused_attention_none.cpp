// Where cuDNN is not there: nothing is fused by it.
#include "kernels/cuda/fused_attention.h"

namespace paraplan {

struct FusedAttention::State {};

FusedAttention::FusedAttention(ElementType, QueueHandle) {}
FusedAttention::~FusedAttention() = default;
FusedAttention::FusedAttention(FusedAttention&&) noexcept = default;
FusedAttention& FusedAttention::operator=(FusedAttention&&) noexcept = default;

bool FusedAttention::forward(const AttentionShape&, double, double, const AttentionOperands&) {
  return false;
}
bool FusedAttention::backward(const AttentionShape&, double, double, const AttentionOperands&) {
  return false;
}

size_t FusedAttention::workspace_bytes() const {
  return 0;
}

std::string fused_attention_library() {
  return "";
}

}  // namespace paraplan
