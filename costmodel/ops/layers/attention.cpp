#include "costmodel/ops/layers/layer_parts.h"

namespace paraplan {
namespace {

// A gain of the norm of queries or keys. Heads share theirs, so each rank of the tensor group has a part of
// its gradient.
WeightId gain_of(BlockBuilder& b, const LayerContext& c, int64_t columns) {
  const bool shared = c.kind.attention.query_key_norm == QueryKeyNorm::head;
  return b.weight({.name = "attention.query_key_norm",
                   .columns = shared ? c.kind.attention.head_width : columns,
                   .shard = shared ? WeightShard::none : WeightShard::columns,
                   .initial = InitialValue::ones,
                   .partial_gradient = shared && c.shape.tensor > 1});
}

// RMSNorm of queries and of keys: a kernel each, whose passes are those of a layer's norm
// (BlockBuilder::norm). Values stay where they are.
void norm_queries_and_keys(BlockBuilder& b, const LayerContext& c, AttentionTensors& t) {
  const auto value = BlockBuilder::value;
  const double e = b.element_bytes();
  const auto rows = static_cast<int64_t>(c.sizes.rows);
  const int64_t width = c.sizes.attention + c.sizes.kv;
  const char* name = "attention.query_key_norm";
  const bool gains = c.kind.attention.query_key_norm != QueryKeyNorm::head_unscaled;
  const WeightId query_gain = gains ? gain_of(b, c, c.sizes.attention) : -1;
  const WeightId key_gain = gains ? gain_of(b, c, c.sizes.kv) : -1;
  const bool by_head = c.kind.attention.query_key_norm != QueryKeyNorm::projection;
  const int64_t norms = by_head ? width / c.kind.attention.head_width : 2;
  const TensorId normed = b.tensor(name, rows, width);
  const TensorId statistics = b.tensor(name, rows, norms, b.statistic_type());
  const bool fused = c.fusion.norm;
  const Operand wide = fused ? Operand{} : value(b.tensor(name, rows, width, b.statistic_type()));
  if (gains) b.accumulate(name, 0, 2);
  b.elementwise(OpKind::norm, name, b.elements(normed),
                fused ? BlockBuilder::Traffic{2 * e, 5 * e, 2, 4}
                      : BlockBuilder::Traffic{3 * e + 28, 5 * e + 48, 14, 26},
                {{value(t.query), BlockBuilder::parameter(query_gain), BlockBuilder::parameter(key_gain)},
                 {value(normed), value(statistics), wide}},
                {{value(t.query_gradient), value(t.key_value_gradient), fused ? value(t.query) : wide,
                  value(statistics), BlockBuilder::parameter(query_gain), BlockBuilder::parameter(key_gain)},
                 {value(t.query_gradient), value(t.key_value_gradient),
                  BlockBuilder::parameter_gradient(query_gain), BlockBuilder::parameter_gradient(key_gain)}});
  t.extra = t.query;
  t.query = t.key_value = normed;
}

void rotate(BlockBuilder& b, const LayerContext& c, const AttentionTensors& t) {
  const auto value = BlockBuilder::value;
  const double share = c.model.positions == Positions::rotary ? c.kind.attention.rotary_share : 0;
  if (share == 0) return;
  const double e = b.element_bytes();
  const double rotated = c.sizes.rows * static_cast<double>(c.sizes.attention + c.sizes.kv) * share;
  const double passes = c.fusion.rotary ? 1 : 4;
  b.elementwise(OpKind::rotary, "attention.rotary", rotated,
                {2 * e * passes, 2 * e * passes, 2 * passes, 2 * passes},
                {{value(t.query)}, {value(t.query)}},
                {{value(t.query_gradient), value(t.key_value_gradient)},
                 {value(t.query_gradient), value(t.key_value_gradient)}});
}

// Queries, keys and values as columns of one product, normed and turned.
AttentionTensors projections(BlockBuilder& b, const LayerContext& c, TensorId x) {
  const auto value = BlockBuilder::value;
  const auto rows = static_cast<int64_t>(c.sizes.rows);
  AttentionTensors t;
  t.query = t.key_value = b.linear("attention.qkv", x,
                                   {.in = c.model.hidden,
                                    .out = c.sizes.attention + c.sizes.kv + c.sizes.kv_values,
                                    .bias = c.kind.attention.qkv_bias,
                                    .bias_place = BlockBuilder::BiasPlace::own_kernel,
                                    .shard = WeightShard::columns,
                                    .parts = {c.sizes.attention, c.sizes.kv, c.sizes.kv_values}})
                              .y;
  t.query_gradient = b.tensor("attention.query", rows, c.sizes.attention);
  t.key_value_gradient = b.tensor("attention.key_value", rows, c.sizes.kv + c.sizes.kv_values);
  t.merged = b.tensor("attention.projection", rows, c.sizes.values);
  b.backward({.kind = OpKind::concatenate,
              .name = "attention.split",
              .derivative = Derivative::data,
              .bytes = 2 * b.element_bytes() * b.elements(t.query),
              .reads = {value(t.query_gradient), value(t.key_value_gradient)},
              .writes = {BlockBuilder::gradient(t.query)}});
  if (c.kind.attention.query_key_norm != QueryKeyNorm::none) norm_queries_and_keys(b, c, t);
  rotate(b, c, t);
  return t;
}

// One logit per head.
WeightId sinks_of(BlockBuilder& b, const LayerContext& c) {
  return b.weight({.name = "attention.sinks",
                   .columns = static_cast<int64_t>(c.sizes.heads),
                   .shard = WeightShard::columns});
}

}  // namespace

BlockBuilder::LinearResult attention(BlockBuilder& b, const LayerContext& c, TensorId x) {
  const bool latent = c.kind.attention.latent.kv_rank > 0;
  AttentionTensors t = (latent ? latent_projections : projections)(b, c, x);
  if (c.kind.attention.sinks) t.sinks = sinks_of(b, c);
  attention_core(b, c, t);
  return b.linear("attention.projection", t.merged,
                  {.in = c.sizes.values,
                   .out = c.model.hidden,
                   .bias = c.kind.attention.output_bias,
                   .shard = WeightShard::rows});
}

}  // namespace paraplan
