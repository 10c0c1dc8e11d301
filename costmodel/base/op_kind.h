#pragma once

#include <array>
#include <cstddef>

#include "costmodel/base/categories.h"

namespace paraplan {

// What an op computes. Behind each kind its operands, `reads -> writes`; g(t) is the gradient of t, and the
// operands of gradient ops stand in the lines below. A tensor on both sides is worked on in place.
enum class OpKind {
  gemm,               // x, W[, bias] -> y          data: g(y), W -> g(x)          weight: x, g(y) -> g(W)
  attention_scores,   // q, k -> scores     data: g(scores), k -> g(q)     weight: q, g(scores) -> g(k)
  attention_context,  // p, v -> context    data: g(context), v -> g(p)    weight: p, g(context) -> g(v)
  flash_attention,
  norm,                // x, gain[, shift] -> y, statistics
                       // g(y), x, statistics, gain -> g(x), g(gain)[, g(shift)]
  softmax,             // scores -> probabilities (in place)   g, probabilities -> g (in place)
  dropout,             // x -> y, mask        g(y), mask -> g(x)
  gelu,                // x[, bias] -> y      g(y), x[, bias] -> g(x)
  swiglu,              // x -> y              g(y), x -> g(x)
  bias_add,            // x, bias -> x        weight: g(y) -> g(bias)
  bias_dropout_add,    // x, residual[, bias] -> y[, mask]     g(y), mask -> g(x)
  add,                 // a, b -> sum
  rotary,              // qkv -> qkv          g(q), g(kv) -> g(q), g(kv)
  embedding,           // tokens, table -> x  weight: tokens, g(x) -> g(table)
  position_embedding,  // x, table -> x     weight: g(x) -> g(table)
  segment_embedding,   // the same
  merge_heads,         // context -> x      g(x) -> g(context)
  concatenate,         // backward only: g(q), g(kv) -> g(qkv)
  first_token,         // x -> first token of each sample    g(first) -> g(x), added
  sentence_head,       // first, W, bias, W2, bias2 -> pooled, work
                       // first, pooled, work, W, W2 -> g(first), g(W), g(bias), g(W2), g(bias2)
  loss_maximum,        // logits -> maximum
  loss_sum,            // logits, targets, maximum -> sum, target
  cross_entropy,       // targets, sum, target ->            logits, targets, maximum, sum -> g(logits)
  accumulate,          // weight gradient into the gradient buffer, where the kernels do not do it themselves
  all_reduce,          // x -> x
  all_gather,          // x -> y
  reduce_scatter,      // x -> y
  host_copy,           // between host and device memory
  gradient_norm,       // of a rank's gradients
  adam,                // gradients -> weights and moments
  relu,                // x[, bias] -> y      g(y), x[, bias] -> g(x)
  geglu,               // x -> y              g(y), x -> g(x)
  soft_cap,            // x -> y              g(y), x -> g(x)
  latent_keys,      // q, latent, kv -> q, k     g(q), g(k), g(v) -> g(q), g(latent), g(kv): turned and joined
  attention_sinks,  // backward only, weight: statistics, sinks -> g(sinks)
  route,            // logits -> weights, indices, probabilities    g(weights), probabilities -> g(logits)
  permute,          // x, indices -> rows by expert                 g(rows), indices -> g(x)
  grouped_gemm,     // rows, W -> y          data: g(y), W -> g(rows)       weight: rows, g(y) -> g(W)
  unpermute,        // y, weights, indices -> x     g(x), y, weights, indices -> g(y), g(weights)
  gate,             // x, logit -> x           g(x), x, logit -> g(x), g(logit)
};
inline constexpr int kOpKinds = 40;
const char* to_string(OpKind);

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
    {OpKind::relu, "relu"},
    {OpKind::geglu, "geglu"},
    {OpKind::soft_cap, "soft_cap"},
    {OpKind::latent_keys, "latent_keys"},
    {OpKind::attention_sinks, "attention_sinks"},
    {OpKind::route, "route"},
    {OpKind::permute, "permute"},
    {OpKind::grouped_gemm, "grouped_gemm", TimeCategory::gemm},
    {OpKind::unpermute, "unpermute"},
    {OpKind::gate, "gate"},
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

// Of which operand an op computes the gradient.
enum class Derivative {
  none,    // forward
  data,    // of what flows through
  weight,  // of what it is combined with: weights; keys and values
};
inline constexpr int kDerivatives = 3;
const char* to_string(Derivative);

}  // namespace paraplan
