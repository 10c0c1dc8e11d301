#include <algorithm>

#include "costmodel/ops/layers/layer_parts.h"

namespace paraplan {
namespace {

LayerSizes sizes_of(const Attention& attention, const BlockShape& shape) {
  LayerSizes s;
  // Fewer key-value heads than ranks: each rank keeps one.
  const int64_t heads = attention.heads / shape.tensor;
  const int64_t kv_heads = std::max<int64_t>(1, attention.kv_heads / shape.tensor);
  s.rows = static_cast<double>(shape.tokens());
  s.attention = attention.heads * attention.head_width / shape.tensor;
  s.values = attention.heads * attention.values() / shape.tensor;
  s.kv = kv_heads * attention.head_width;
  s.kv_values = kv_heads * attention.values();
  s.heads = static_cast<double>(heads);
  s.tokens = static_cast<double>(shape.seq_length / shape.context);
  s.all_tokens = static_cast<double>(shape.seq_length);
  return s;
}

// What attention and feed-forward block have apart.
struct Branch {
  const char *norm, *input, *output, *output_norm, *add;
  BlockBuilder::LinearResult (*build)(BlockBuilder&, const LayerContext&, TensorId);
  bool enters_by_itself;  // the tensor-parallel region
};

Branch attention_branch(const LayerContext& c) {
  return {"attention.norm",
          "attention.input",
          "attention.output",
          "attention.output_norm",
          "attention.bias_dropout_add",
          attention,
          c.kind.attention.latent.kv_rank > 0};
}

Branch feed_forward_branch(const LayerContext& c) {
  return {"ffn.norm",
          "ffn.input",
          "ffn.output",
          "ffn.output_norm",
          "ffn.bias_dropout_add",
          feed_forward,
          c.kind.feed_forward.experts.count > 0};
}

TensorId normed(BlockBuilder& b, const LayerContext& c, const char* name, TensorId x) {
  return c.kind.norm == NormKind::none ? x : b.norm(name, x, c.kind.norm == NormKind::layer);
}

BlockBuilder::LinearResult entered(BlockBuilder& b, const LayerContext& c, const Branch& branch, TensorId x) {
  return branch.build(b, c, branch.enters_by_itself ? x : b.enter_tensor_region(branch.input, x));
}

// x + branch(x), with its norms.
TensorId add_branch(BlockBuilder& b, const LayerContext& c, const Branch& branch, TensorId x) {
  const NormPlace place = c.kind.norm_place;
  const TensorId residual = b.fork(x);
  if (place == NormPlace::before || place == NormPlace::both) x = normed(b, c, branch.norm, x);
  const auto [out, bias] = entered(b, c, branch, x);
  x = b.leave_tensor_region(branch.output, out);
  if (place == NormPlace::after || place == NormPlace::both) x = normed(b, c, branch.output_norm, x);
  x = b.bias_dropout_add(branch.add, x, {bias, -1}, residual, c.model.dropout);
  return place == NormPlace::after_residual ? normed(b, c, branch.norm, x) : x;
}

// x + attention(x) + feed_forward(x): the tensor group sums both at once.
TensorId add_both_branches(BlockBuilder& b, const LayerContext& c, TensorId x) {
  const Branch first = attention_branch(c), second = feed_forward_branch(c);
  const TensorId residual = b.fork(x);
  BlockBuilder::LinearResult attended, fed;
  if (c.kind.branches == Branches::parallel_one_norm) {
    x = b.enter_tensor_region(first.input, normed(b, c, first.norm, x));
    const auto regather = b.hold_regather();
    const TensorId again = b.fork(x);
    attended = attention(b, c, x);
    b.regather_for_next(regather);
    fed = feed_forward(b, c, again);
  } else {
    const TensorId again = b.fork(x);
    attended = entered(b, c, first, normed(b, c, first.norm, x));
    fed = entered(b, c, second, normed(b, c, second.norm, again));
  }
  x = b.leave_tensor_region("layer.output", b.sum("layer.branches", attended.y, fed.y));
  return b.bias_dropout_add("layer.bias_dropout_add", x, {attended.bias, fed.bias}, residual,
                            c.model.dropout);
}

}  // namespace

LayerContext::LayerContext(const ModelSpec& model_spec, const LayerKind& layer_kind, const Fusion& fusions,
                           const BlockShape& block_shape)
    : model(model_spec),
      kind(layer_kind),
      fusion(fusions),
      shape(block_shape),
      sizes(sizes_of(layer_kind.attention, block_shape)) {}

Block transformer_layer(const ModelSpec& model, const LayerKind& kind, const Fusion& fusion,
                        const BlockShape& shape) {
  const LayerContext c(model, kind, fusion, shape);
  BlockBuilder b(fusion, shape);
  TensorId x = b.input("layer.input", model.hidden);
  if (kind.branches == Branches::sequential) {
    x = add_branch(b, c, attention_branch(c), x);
    x = add_branch(b, c, feed_forward_branch(c), x);
  } else {
    x = add_both_branches(b, c, x);
  }
  b.output(x);
  return b.finish();
}

}  // namespace paraplan
