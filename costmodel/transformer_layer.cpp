#include "costmodel/block_builder.h"

namespace paraplan {
namespace {

struct Sizes {
  double rows;        // B*T on this rank inside tensor-parallel regions
  double norm_rows;   // rows outside them: divided over the tensor group under sequence parallel
  int64_t attention;  // H*w/m: width of the local heads
  int64_t kv;         // G*w/m: of keys, and of values
  double heads;       // H/m
  double tokens;      // T, tokens of a sample on this rank
  double all_tokens;  // tokens of a sample over the context group
};

Sizes sizes_of(const ModelSpec& model, const BlockShape& shape) {
  Sizes s;
  s.rows = static_cast<double>(shape.tokens());
  s.norm_rows = shape.sequence_parallel ? s.rows / static_cast<double>(shape.tensor) : s.rows;
  s.attention = model.hidden / shape.tensor;
  // Fewer key-value heads than ranks: each rank keeps one.
  s.kv = std::max<int64_t>(1, model.kv_heads / shape.tensor) * model.head_width();
  s.heads = static_cast<double>(model.heads / shape.tensor);
  s.tokens = static_cast<double>(shape.seq_length / shape.context);
  s.all_tokens = static_cast<double>(shape.seq_length);
  return s;
}

// Scale, mask and softmax per score. The causal kernel reads only the lower triangle, and writes zeros above
// it.
BlockBuilder::Traffic softmax_traffic(const ModelSpec& model, const Fusion& fusion, double e) {
  if (!fusion.softmax) return {6 * e + 1, 6 * e + 1, 3, 3};
  if (model.family == Family::bert) return {2 * e, 3 * e, 1, 1};
  return {1.5 * e, 2 * e, 1, 1};
}

// softmax(Q K^T / sqrt(w)) V kernel by kernel. U = (B, H/m, T, T') scores.
void unfused_attention(BlockBuilder& b, const ModelSpec& model, const Fusion& fusion, const BlockShape& shape,
                       const Sizes& s) {
  const double e = b.element_bytes();
  const double batch = static_cast<double>(shape.micro_batch) * s.heads;
  const double scores = batch * s.tokens * s.all_tokens;
  const auto rows = static_cast<int64_t>(s.tokens), columns = static_cast<int64_t>(s.all_tokens);
  const auto product = [&](const char* name, int64_t n, int64_t k) {
    const Op op{.kind = OpKind::attention_matmul,
                .name = name,
                .attention_core = true,
                .m = rows,
                .n = n,
                .k = k,
                .batch = batch};
    b.forward(op);
    b.backward(op);  // both gradients have the FLOPs of the product
    b.backward(op);
  };
  product("attention.scores", columns, model.head_width());
  const double dropout = model.dropout > 0 ? 1 : 0, mask = b.mask_bytes();
  const BlockBuilder::Traffic softmax = softmax_traffic(model, fusion, e);
  if (fusion.attention_dropout) {
    b.elementwise(OpKind::softmax, "attention.softmax_dropout", scores,
                  {softmax.forward_bytes + (e + mask) * dropout, softmax.backward_bytes + mask * dropout, 1,
                   1, dropout});
  } else {
    b.elementwise(OpKind::softmax, "attention.softmax", scores, softmax);
    if (dropout > 0)
      b.elementwise(OpKind::dropout, "attention.dropout", scores, {2 * e + mask, 2 * e + mask, 1, 1, 1});
  }
  if (!fusion.softmax) b.save("attention.masked_scores", scores * e);
  b.save("attention.probabilities", scores * e);
  if (dropout > 0) b.save("attention.dropout", scores * (e + mask));  // mask and dropped probabilities
  product("attention.context", model.head_width(), columns);
  const double context = s.rows * static_cast<double>(s.attention);
  b.elementwise(OpKind::copy, "attention.merge_heads", context, {2 * e, 2 * e, 1, 1});
  b.transient(2 * scores * e);  // gradients before and after the softmax
}

void attention_core(BlockBuilder& b, const ModelSpec& model, const Fusion& fusion, const BlockShape& shape,
                    const Sizes& s) {
  const double e = b.element_bytes();
  b.set_attention_core(true);
  if (fusion.flash_attention) {
    const double causal = model.family == Family::bert ? 1.0 : 0.5;
    const double flop = 4 * s.rows * s.all_tokens * static_cast<double>(s.attention) * causal;
    Op op{.kind = OpKind::flash_attention, .name = "attention.flash", .attention_core = true};
    op.bytes = s.rows * static_cast<double>(2 * s.attention + 2 * s.kv) * e;
    op.flop = flop;
    b.forward(op);
    op.kind = OpKind::flash_attention_backward;
    op.bytes *= 2;
    op.flop = 2.5 * flop;  // recomputes the scores: 5 products for 2 (Dao 2023, section 3.1)
    op.launches = 3;
    b.backward(op);
    b.save("attention.log_sum_exp", 4 * s.rows * s.heads);
    b.transient(3 * s.rows * static_cast<double>(s.attention) * e);
  } else {
    unfused_attention(b, model, fusion, shape, s);
  }
  b.set_attention_core(false);
}

// Keys and values of the context group, gathered (Liu et al. 2023 pass them round a ring: the same bytes).
Op gather_keys_values(const BlockBuilder& b, const BlockShape& shape, const Sizes& s) {
  const double local = 2 * s.rows * static_cast<double>(s.kv) * b.element_bytes();
  return {.kind = OpKind::all_gather,
          .name = "attention.keys_values",
          .bytes = local * static_cast<double>(shape.context),
          .group = CommGroup::context};
}

// Attention over the context group: keys and values are gathered for each direction, their gradients
// scattered.
void context_attention(BlockBuilder& b, const ModelSpec& model, const Fusion& fusion, const BlockShape& shape,
                       const Sizes& s) {
  const Op gather = gather_keys_values(b, shape, s);
  Op scatter = gather;
  scatter.kind = OpKind::reduce_scatter;
  b.forward(gather);
  b.backward(scatter);
  attention_core(b, model, fusion, shape, s);
  b.backward(gather);
  b.transient(gather.bytes);
}

void attention(BlockBuilder& b, const ModelSpec& model, const Fusion& fusion, const BlockShape& shape,
               const Sizes& s) {
  const double e = b.element_bytes();
  const bool bias = model.family != Family::llama;
  const double stream = s.rows * static_cast<double>(model.hidden);
  const double norm_stream = s.norm_rows * static_cast<double>(model.hidden);
  const int64_t qkv = s.attention + 2 * s.kv;
  b.norm("attention.norm", s.norm_rows, model.hidden, bias);
  b.enter_tensor_region("attention.input", stream);
  b.save("attention.qkv.input", norm_stream * e);
  b.linear("attention.qkv", model.hidden, qkv, bias || model.qkv_bias);
  const double qkv_elements = s.rows * static_cast<double>(qkv);
  if (bias || model.qkv_bias)
    b.elementwise(OpKind::add, "attention.qkv.bias", qkv_elements, {2 * e, 0, 1, 0});
  // Backward joins the three gradients into one tensor.
  b.backward({.kind = OpKind::copy, .name = "attention.split", .bytes = 2 * e * qkv_elements});
  b.save("attention.query_key_value", qkv_elements * e);
  if (model.family == Family::llama) {
    const double rotated = s.rows * static_cast<double>(s.attention + s.kv);
    const double passes = fusion.rotary ? 1 : 4;
    b.elementwise(OpKind::rotary, "attention.rotary", rotated,
                  {2 * e * passes, 2 * e * passes, 2 * passes, 2 * passes});
  }
  (shape.context > 1 ? context_attention : attention_core)(b, model, fusion, shape, s);
  b.save("attention.projection.input", s.rows * static_cast<double>(s.attention) * e);
  b.linear("attention.projection", s.attention, model.hidden, bias);
  b.leave_tensor_region("attention.output", stream);
  b.bias_dropout_add("attention.bias_dropout_add", norm_stream, model.dropout, bias);
}

void feed_forward(BlockBuilder& b, const ModelSpec& model, const Fusion& fusion, const BlockShape& shape,
                  const Sizes& s) {
  const double e = b.element_bytes();
  const bool gated = model.family == Family::llama;
  const double stream = s.rows * static_cast<double>(model.hidden);
  const double norm_stream = s.norm_rows * static_cast<double>(model.hidden);
  const int64_t width = model.ffn / shape.tensor;
  const double inner = s.rows * static_cast<double>(width);
  b.norm("ffn.norm", s.norm_rows, model.hidden, !gated);
  b.enter_tensor_region("ffn.input", stream);
  b.save("ffn.up.input", norm_stream * e);
  b.linear("ffn.up", model.hidden, gated ? 2 * width : width, !gated);
  if (gated) {
    b.save("ffn.activation.input", 2 * inner * e);
    // Unfused, the activated gate is kept as well.
    b.elementwise(OpKind::activation, "ffn.swiglu", inner,
                  fusion.gated_activation ? BlockBuilder::Traffic{3 * e, 5 * e, 1, 1}
                                          : BlockBuilder::Traffic{5 * e, 10 * e, 2, 4});
    if (!fusion.gated_activation) b.save("ffn.gate", inner * e);
  } else {
    b.gelu("ffn.gelu", inner);
  }
  b.save("ffn.down.input", inner * e);
  b.linear("ffn.down", width, model.hidden, !gated);
  b.leave_tensor_region("ffn.output", stream);
  b.bias_dropout_add("ffn.bias_dropout_add", norm_stream, model.dropout, !gated);
  b.transient(2 * inner * e);
}

}  // namespace

Block transformer_layer(const ModelSpec& model, const Fusion& fusion, const BlockShape& shape) {
  const Sizes s = sizes_of(model, shape);
  BlockBuilder b(fusion, shape);
  attention(b, model, fusion, shape, s);
  feed_forward(b, model, fusion, shape, s);
  return b.finish(s.norm_rows * static_cast<double>(model.hidden) * b.element_bytes());
}

}  // namespace paraplan
