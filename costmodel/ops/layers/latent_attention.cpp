// Multi-head latent attention (DeepSeek-AI 2024, DeepSeek-V2, section 2.1 and appendix C).
#include "costmodel/ops/layers/layer_parts.h"

namespace paraplan {
namespace {

using Linear = BlockBuilder::Linear;

// Each rank of the tensor group makes the latent vectors alone, as Megatron-LM does, and has whole heads of
// what follows from them.
TensorId latent_vector(BlockBuilder& b, const LayerContext& c, const char* name, TensorId x, int64_t width) {
  return b
      .linear(name, x,
              {.in = c.model.hidden,
               .out = width,
               .bias = c.kind.attention.qkv_bias,
               .bias_place = BlockBuilder::BiasPlace::own_kernel})
      .y;
}

TensorId queries(BlockBuilder& b, const LayerContext& c, TensorId x) {
  const int64_t rank = c.kind.attention.latent.query_rank;
  Linear up{.in = rank > 0 ? rank : c.model.hidden, .out = c.sizes.attention, .shard = WeightShard::columns};
  if (rank > 0) {
    x = latent_vector(b, c, "attention.query_down", x, rank);
    x = b.norm("attention.query_norm", x, false);
  }
  x = b.enter_tensor_region("attention.query_latent", x);
  return b.linear("attention.query_up", x, up).y;
}

// Turns the last columns of queries and the shared part of the keys, and joins the keys. Fused, a kernel each
// for queries and keys touches what turns, and copies the rest of the keys; else slices are turned in four
// passes as in other layers, and queries are joined, too.
void turn_and_join(BlockBuilder& b, const LayerContext& c, const AttentionTensors& t, TensorId shared) {
  const auto value = BlockBuilder::value, gradient = BlockBuilder::gradient;
  const double e = b.element_bytes(), rows = c.sizes.rows, passes = c.fusion.rotary ? 1 : 4;
  const double turned = rows * (c.sizes.heads + 1) * static_cast<double>(c.kind.attention.latent.rope_width);
  const double keys = rows * static_cast<double>(c.sizes.kv),
               values = rows * static_cast<double>(c.sizes.kv_values);
  const double joined = keys + (c.fusion.rotary ? 0 : rows * static_cast<double>(c.sizes.attention));
  Op op{.kind = OpKind::latent_keys, .name = "attention.keys", .launches = 2 * passes};
  op.bytes = 2 * e * (passes * turned + joined);
  op.reads = {value(t.query), value(shared), value(t.extra)};
  op.writes = {value(t.query), value(t.key_value)};
  b.forward(op);
  op.derivative = Derivative::data;
  op.bytes += 2 * e * values;
  op.reads = {value(t.query_gradient), value(t.key_value_gradient), value(t.extra_gradient)};
  op.writes = {value(t.query_gradient), gradient(shared), gradient(t.extra)};
  b.backward(op);
  b.alias_gradient(t.query, value(t.query_gradient));
}

}  // namespace

AttentionTensors latent_projections(BlockBuilder& b, const LayerContext& c, TensorId x) {
  const LatentAttention& latent = c.kind.attention.latent;
  const auto rows = static_cast<int64_t>(c.sizes.rows);
  const TensorId second = b.fork(x);
  AttentionTensors t;
  t.query = queries(b, c, x);
  const TensorId down = latent_vector(b, c, "attention.kv_down", second, latent.kv_rank + latent.rope_width);
  TensorId compressed = b.columns_of(down, "attention.kv_latent", latent.kv_rank);
  compressed = b.norm("attention.kv_norm", compressed, false);
  TensorId shared = b.columns_of(down, "attention.rope_key", latent.rope_width);
  shared = b.enter_tensor_region("attention.rope_key", shared, false);
  b.hold_regather();  // no weight gradient reads it
  compressed = b.enter_tensor_region("attention.kv_latent", compressed);
  const int64_t nope = c.sizes.kv - static_cast<int64_t>(c.sizes.heads) * latent.rope_width;
  t.extra = b.linear("attention.kv_up", compressed,
                     {.in = latent.kv_rank, .out = nope + c.sizes.kv_values, .shard = WeightShard::columns})
                .y;
  t.key_value = b.tensor("attention.key", rows, c.sizes.kv);
  t.query_gradient = b.tensor("attention.query", rows, c.sizes.attention);
  t.key_value_gradient = b.tensor("attention.key", rows, c.sizes.kv);
  t.extra_gradient = b.tensor("attention.value", rows, c.sizes.kv_values);
  t.merged = b.tensor("attention.projection", rows, c.sizes.values);
  turn_and_join(b, c, t, shared);
  return t;
}

}  // namespace paraplan
