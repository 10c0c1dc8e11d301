#include "costmodel/ops/layers/layer_parts.h"

namespace paraplan {

BlockBuilder::LinearResult feed_forward(BlockBuilder& b, const LayerContext& c, TensorId x) {
  const auto value = BlockBuilder::value, gradient = BlockBuilder::gradient;
  const double e = b.element_bytes();
  const bool gated = c.kind.feed_forward.gated(), bias = c.kind.biases;
  const int64_t width = c.kind.feed_forward.width / c.shape.tensor;
  x = b.norm("ffn.norm", x, c.kind.norm == NormKind::layer);
  x = b.enter_tensor_region("ffn.input", x);
  BlockBuilder::Linear up{.in = c.model.hidden, .out = width, .bias = bias, .shard = WeightShard::columns};
  if (gated) up.out = 2 * width, up.parts = {width, width, 0};
  const auto [inner, inner_bias] = b.linear("ffn.up", x, up);
  TensorId active = -1;
  if (gated) {
    active = b.tensor("ffn.swiglu", c.shape.tokens(), width);
    // Unfused, the activated gate is kept as well.
    const Operand gate =
        c.fusion.gated_activation ? Operand{} : value(b.tensor("ffn.gate", c.shape.tokens(), width));
    b.elementwise(OpKind::swiglu, "ffn.swiglu", b.elements(active),
                  c.fusion.gated_activation ? BlockBuilder::Traffic{3 * e, 5 * e, 1, 1}
                                            : BlockBuilder::Traffic{5 * e, 10 * e, 2, 4},
                  {{value(inner)}, {value(active), gate}},
                  {{gradient(active), value(inner), gate}, {gradient(inner)}});
  } else {
    active = b.gelu("ffn.gelu", inner, inner_bias);
  }
  return b.linear("ffn.down", active,
                  {.in = width, .out = c.model.hidden, .bias = bias, .shard = WeightShard::rows});
}

}  // namespace paraplan
