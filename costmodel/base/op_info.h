#pragma once

#include <array>
#include <cstddef>

#include "costmodel/base/categories.h"
#include "costmodel/base/op_kind.h"

namespace paraplan {

// What is the same for all ops of a kind.
struct OpInfo {
  OpKind kind = OpKind::gemm;
  const char* name = "";
  TimeCategory category =
      TimeCategory::elementwise;  // outside the attention core; of collectives, see time_category()
  bool collective = false;
};

// One row per kind, in the order of the enum.
inline constexpr std::array<OpInfo, kOpKinds> kOps = {{
    {OpKind::gemm, "gemm", TimeCategory::gemm},
    {OpKind::attention_scores, "attention_scores", TimeCategory::attention},
    {OpKind::attention_context, "attention_context", TimeCategory::attention},
    {OpKind::flash_attention, "flash_attention", TimeCategory::attention},
    {OpKind::norm, "norm"},
    {OpKind::softmax, "softmax"},
    {OpKind::dropout, "dropout"},
    {OpKind::gelu, "gelu"},
    {OpKind::swiglu, "swiglu"},
    {OpKind::bias_add, "bias_add"},
    {OpKind::bias_dropout_add, "bias_dropout_add"},
    {OpKind::add, "add"},
    {OpKind::rotary, "rotary"},
    {OpKind::embedding, "embedding"},
    {OpKind::position_embedding, "position_embedding"},
    {OpKind::segment_embedding, "segment_embedding"},
    {OpKind::merge_heads, "merge_heads"},
    {OpKind::concatenate, "concatenate"},
    {OpKind::first_token, "first_token"},
    {OpKind::sentence_head, "sentence_head"},
    {OpKind::loss_maximum, "loss_maximum"},
    {OpKind::loss_sum, "loss_sum"},
    {OpKind::cross_entropy, "cross_entropy"},
    {OpKind::accumulate, "accumulate"},
    {OpKind::all_reduce, "all_reduce", TimeCategory::tensor_communication, true},
    {OpKind::all_gather, "all_gather", TimeCategory::tensor_communication, true},
    {OpKind::reduce_scatter, "reduce_scatter", TimeCategory::tensor_communication, true},
    {OpKind::host_copy, "host_copy", TimeCategory::offload},
    {OpKind::gradient_norm, "gradient_norm", TimeCategory::optimizer},
    {OpKind::adam, "adam", TimeCategory::optimizer},
}};

constexpr const OpInfo& info_of(OpKind kind) {
  return kOps[static_cast<size_t>(kind)];
}

constexpr bool is_collective(OpKind kind) {
  return info_of(kind).collective;
}

static_assert([] {
  for (size_t i = 0; i < kOps.size(); ++i)
    if (kOps[i].kind != static_cast<OpKind>(i)) return false;
  return true;
}());

}  // namespace paraplan
