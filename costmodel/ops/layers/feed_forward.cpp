#include "costmodel/ops/layers/layer_parts.h"

namespace paraplan {

TensorId activation(BlockBuilder& b, const LayerContext& c, TensorId inner, WeightId inner_bias) {
  const auto value = BlockBuilder::value, gradient = BlockBuilder::gradient;
  const double e = b.element_bytes();
  const FeedForward& ffn = c.kind.feed_forward;
  if (!ffn.gated())
    return ffn.activation == Activation::relu ? b.relu("ffn.relu", inner, inner_bias)
                                              : b.gelu("ffn.gelu", inner, inner_bias);
  const bool geglu = ffn.activation == Activation::geglu;
  const char* name = geglu ? "ffn.geglu" : "ffn.swiglu";
  const int64_t rows = b.at(inner).rows, width = b.at(inner).width / 2;
  const TensorId active = b.tensor(name, rows, width);
  // Unfused, the activated gate is kept as well.
  const Operand gate = c.fusion.gated_activation ? Operand{} : value(b.tensor("ffn.gate", rows, width));
  b.elementwise(geglu ? OpKind::geglu : OpKind::swiglu, name, b.elements(active),
                c.fusion.gated_activation ? BlockBuilder::Traffic{3 * e, 5 * e, 1, 1}
                                          : BlockBuilder::Traffic{5 * e, 10 * e, 2, 4},
                {{value(inner)}, {value(active), gate}},
                {{gradient(active), value(inner), gate}, {gradient(inner)}});
  return active;
}

BlockBuilder::LinearResult dense_feed_forward(BlockBuilder& b, const LayerContext& c, TensorId x,
                                              int64_t width) {
  const bool gated = c.kind.feed_forward.gated(), bias = c.kind.feed_forward.bias;
  BlockBuilder::Linear up{.in = c.model.hidden, .out = width, .bias = bias, .shard = WeightShard::columns};
  if (gated) {
    up.out = 2 * width, up.parts = {width, width, 0};
    up.bias_place = BlockBuilder::BiasPlace::own_kernel;
  }
  const auto [inner, inner_bias] = b.linear("ffn.up", x, up);
  return b.linear("ffn.down", activation(b, c, inner, inner_bias),
                  {.in = width, .out = c.model.hidden, .bias = bias, .shard = WeightShard::rows});
}

BlockBuilder::LinearResult feed_forward(BlockBuilder& b, const LayerContext& c, TensorId x) {
  if (c.kind.feed_forward.experts.count > 0) return experts(b, c, x);
  return dense_feed_forward(b, c, x, c.kind.feed_forward.width / c.shape.tensor);
}

}  // namespace paraplan
