#pragma once

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
};
inline constexpr int kOpKinds = 30;
const char* to_string(OpKind);

// Of which operand an op computes the gradient.
enum class Derivative {
  none,    // forward
  data,    // of what flows through
  weight,  // of what it is combined with: weights; keys and values
};
inline constexpr int kDerivatives = 3;
const char* to_string(Derivative);

}  // namespace paraplan
