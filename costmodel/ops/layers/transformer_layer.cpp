#include "costmodel/ops/layers/layer_parts.h"

namespace paraplan {
namespace {

LayerSizes sizes_of(const Attention& attention, const BlockShape& shape) {
  LayerSizes s;
  s.rows = static_cast<double>(shape.tokens());
  s.attention = attention.heads * attention.head_width / shape.tensor;
  // Fewer key-value heads than ranks: each rank keeps one.
  s.kv = std::max<int64_t>(1, attention.kv_heads / shape.tensor) * attention.head_width;
  s.heads = static_cast<double>(attention.heads / shape.tensor);
  s.tokens = static_cast<double>(shape.seq_length / shape.context);
  s.all_tokens = static_cast<double>(shape.seq_length);
  return s;
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
  TensorId residual = b.fork(x);
  const auto attended = attention(b, c, x);
  x = b.leave_tensor_region("attention.output", attended.y);
  x = b.bias_dropout_add("attention.bias_dropout_add", x, attended.bias, residual, model.dropout);
  residual = b.fork(x);
  const auto fed = feed_forward(b, c, x);
  x = b.leave_tensor_region("ffn.output", fed.y);
  b.output(b.bias_dropout_add("ffn.bias_dropout_add", x, fed.bias, residual, model.dropout));
  return b.finish();
}

}  // namespace paraplan
