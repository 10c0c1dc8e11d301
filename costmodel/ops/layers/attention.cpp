#include "costmodel/ops/layers/layer_parts.h"

namespace paraplan {
namespace {

// Scale, mask and softmax per score. The causal kernel reads only the lower triangle, and writes zeros above
// it.
BlockBuilder::Traffic softmax_traffic(const Attention& attention, const Fusion& fusion, double e) {
  if (!fusion.softmax) return {6 * e + 1, 6 * e + 1, 3, 3};
  if (!attention.causal) return {2 * e, 3 * e, 1, 1};
  return {1.5 * e, 2 * e, 1, 1};
}

// What attention works on. Q, K and V are columns of one tensor; their gradients are made apart and joined.
struct AttentionTensors {
  TensorId query = -1;               // (B*T, (H + 2 G) w / m), queries in front
  TensorId key_value = -1;           // the same tensor, or keys and values of the context group
  TensorId query_gradient = -1;      // (B*T, H w / m)
  TensorId key_value_gradient = -1;  // (B*T, 2 G w / m), or of the context group
  TensorId merged = -1;              // (B*T, H w / m)
};

// softmax(Q K^T / sqrt(w)), with dropout: (B * H/m * T, T').
TensorId probabilities(BlockBuilder& b, const LayerContext& c, const Op& scores) {
  const double e = b.element_bytes(),
               elements = scores.batch * static_cast<double>(scores.m) * static_cast<double>(scores.n);
  const int64_t rows = static_cast<int64_t>(scores.batch) * scores.m;
  const TensorId p = scores.writes[0].index;
  const double dropout = c.model.dropout > 0 ? 1 : 0, mask = static_cast<double>(b.mask_bytes());
  const BlockBuilder::Traffic softmax = softmax_traffic(c.kind.attention, c.fusion, e);
  const auto value = BlockBuilder::value, gradient = BlockBuilder::gradient;
  const Operand masked =
      c.fusion.softmax ? Operand{} : value(b.tensor("attention.masked_scores", rows, scores.n));
  TensorId dropped = p, kept = -1;
  if (dropout > 0) {
    dropped = b.tensor("attention.dropout", rows, scores.n);
    kept = b.tensor("attention.dropout", rows, scores.n, b.mask_type());
    b.alias_gradient(dropped, gradient(p));
  }
  if (c.fusion.attention_dropout) {
    const Operand mask_operand = kept < 0 ? Operand{} : value(kept);
    b.elementwise(OpKind::softmax, "attention.softmax_dropout", elements,
                  {softmax.forward_bytes + (e + mask) * dropout, softmax.backward_bytes + mask * dropout, 1,
                   1, dropout},
                  {{value(p)}, {value(p), value(dropped), mask_operand, masked}},
                  {{gradient(p), value(p), mask_operand, masked}, {gradient(p)}});
    return dropped;
  }
  b.elementwise(OpKind::softmax, "attention.softmax", elements, softmax, {{value(p)}, {value(p), masked}},
                {{gradient(p), value(p), masked}, {gradient(p)}});
  if (dropout > 0)
    b.elementwise(OpKind::dropout, "attention.dropout", elements, {2 * e + mask, 2 * e + mask, 1, 1, 1},
                  {{value(p)}, {value(dropped), value(kept)}},
                  {{gradient(dropped), value(kept)}, {gradient(p)}});
  return dropped;
}

// softmax(Q K^T / sqrt(w)) V kernel by kernel. U = (B, H/m, T, T') scores.
void unfused_attention(BlockBuilder& b, const LayerContext& c, const AttentionTensors& t) {
  const auto value = BlockBuilder::value, gradient = BlockBuilder::gradient;
  const double e = b.element_bytes(), batch = static_cast<double>(c.shape.micro_batch) * c.sizes.heads;
  const auto queries = static_cast<int64_t>(c.sizes.tokens), keys = static_cast<int64_t>(c.sizes.all_tokens);
  const int64_t width = c.kind.attention.head_width, rows = static_cast<int64_t>(batch) * queries;
  const TensorId scores = b.tensor("attention.probabilities", rows, keys);
  // The gradients of both factors have the FLOPs of the product.
  const auto gradients = [&b](Op op, const Operand& data, const Operand& other, const Operand& of_data,
                              const Operand& of_other, const Operand& incoming) {
    op.derivative = Derivative::weight, op.reads = {data, incoming}, op.writes = {of_other};
    b.backward(op);
    op.derivative = Derivative::data, op.reads = {incoming, other}, op.writes = {of_data};
    b.backward(op);
  };
  Op op{.kind = OpKind::attention_scores, .name = "attention.scores", .attention_core = true};
  op.m = queries, op.n = keys, op.k = width, op.batch = batch;
  op.reads = {value(t.query), value(t.key_value)}, op.writes = {value(scores)};
  b.forward(op);
  gradients(op, value(t.query), value(t.key_value), value(t.query_gradient), value(t.key_value_gradient),
            gradient(scores));
  const TensorId p = probabilities(b, c, op);
  b.set_attention_core(false);
  const TensorId context = b.tensor("attention.context", rows, width);
  b.set_attention_core(true);
  op.kind = OpKind::attention_context, op.name = "attention.context", op.n = width, op.k = keys;
  op.reads = {value(p), value(t.key_value)}, op.writes = {value(context)};
  b.forward(op);
  gradients(op, value(p), value(t.key_value), gradient(p), value(t.key_value_gradient), gradient(context));
  b.elementwise(OpKind::merge_heads, "attention.merge_heads", b.elements(context), {2 * e, 2 * e, 1, 1},
                {{value(context)}, {value(t.merged)}}, {{gradient(t.merged)}, {gradient(context)}});
}

void flash_attention(BlockBuilder& b, const LayerContext& c, const AttentionTensors& t) {
  const auto value = BlockBuilder::value, gradient = BlockBuilder::gradient;
  const double e = b.element_bytes();
  const double flop = 4 * c.sizes.rows * c.sizes.all_tokens * static_cast<double>(c.sizes.attention) *
                      (c.kind.attention.causal ? 0.5 : 1.0);
  const TensorId sums = b.tensor("attention.log_sum_exp", static_cast<int64_t>(c.sizes.rows * c.sizes.heads),
                                 1, b.statistic_type());
  Op op{.kind = OpKind::flash_attention, .name = "attention.flash", .attention_core = true};
  op.m = static_cast<int64_t>(c.sizes.tokens), op.n = static_cast<int64_t>(c.sizes.all_tokens),
  op.k = c.kind.attention.head_width;
  op.batch = static_cast<double>(c.shape.micro_batch) * c.sizes.heads;
  op.causal = c.kind.attention.causal;
  if (c.model.dropout > 0) op.random_numbers = op.batch * c.sizes.tokens * c.sizes.all_tokens;
  op.bytes = c.sizes.rows * static_cast<double>(2 * c.sizes.attention + 2 * c.sizes.kv) * e;
  op.flop = flop;
  op.reads = {value(t.query), value(t.key_value)}, op.writes = {value(t.merged), value(sums)};
  b.forward(op);
  op.derivative = Derivative::data;
  op.bytes *= 2;
  op.flop = 2.5 * flop;  // recomputes the scores: 5 products for 2 (Dao 2023, section 3.1)
  op.launches = 3;
  op.reads = {gradient(t.merged), value(t.query), value(t.key_value), value(t.merged), value(sums)};
  op.writes = {value(t.query_gradient), value(t.key_value_gradient)};
  b.backward(op);
}

void attention_core(BlockBuilder& b, const LayerContext& c, const AttentionTensors& tensors) {
  b.set_attention_core(true);
  if (c.fusion.flash_attention) {
    flash_attention(b, c, tensors);
  } else {
    unfused_attention(b, c, tensors);
  }
  b.set_attention_core(false);
}

// Attention over the context group: keys and values are gathered for each direction, their gradients
// scattered (Liu et al. 2023 pass them round a ring: the same bytes).
void context_attention(BlockBuilder& b, const LayerContext& c, const AttentionTensors& local) {
  const auto value = BlockBuilder::value;
  AttentionTensors t = local;
  const int64_t rows = b.at(local.key_value_gradient).rows * c.shape.context,
                width = b.at(local.key_value_gradient).width;
  t.key_value = b.tensor("attention.keys_values", rows, width);
  t.key_value_gradient = b.tensor("attention.keys_values", rows, width);
  Op gather{.kind = OpKind::all_gather, .name = "attention.keys_values", .group = CommGroup::context};
  gather.bytes = b.at(t.key_value).bytes();
  gather.reads = {value(t.query)}, gather.writes = {value(t.key_value)};
  Op scatter = gather;
  scatter.kind = OpKind::reduce_scatter, scatter.derivative = Derivative::data;
  scatter.reads = {value(t.key_value_gradient)}, scatter.writes = {value(local.key_value_gradient)};
  gather.attention_core = true;  // not kept, so a recomputed core needs it again
  b.forward(gather);
  b.backward(scatter);
  attention_core(b, c, t);
  gather.attention_core = false;
  gather.derivative = Derivative::data;
  b.backward(gather);
}

}  // namespace

BlockBuilder::LinearResult attention(BlockBuilder& b, const LayerContext& c, TensorId x) {
  const auto value = BlockBuilder::value;
  const double e = b.element_bytes();
  const bool bias = c.kind.biases;
  const auto rows = static_cast<int64_t>(c.sizes.rows);
  x = b.norm("attention.norm", x, c.kind.norm == NormKind::layer);
  x = b.enter_tensor_region("attention.input", x);
  AttentionTensors t;
  t.query = t.key_value = b.linear("attention.qkv", x,
                                   {.in = c.model.hidden,
                                    .out = c.sizes.attention + 2 * c.sizes.kv,
                                    .bias = c.kind.attention.qkv_bias,
                                    .bias_place = BlockBuilder::BiasPlace::own_kernel,
                                    .shard = WeightShard::columns,
                                    .parts = {c.sizes.attention, c.sizes.kv, c.sizes.kv}})
                              .y;
  t.query_gradient = b.tensor("attention.query", rows, c.sizes.attention);
  t.key_value_gradient = b.tensor("attention.key_value", rows, 2 * c.sizes.kv);
  t.merged = b.tensor("attention.projection", rows, c.sizes.attention);
  b.backward({.kind = OpKind::concatenate,
              .name = "attention.split",
              .derivative = Derivative::data,
              .bytes = 2 * e * b.elements(t.query),
              .reads = {value(t.query_gradient), value(t.key_value_gradient)},
              .writes = {BlockBuilder::gradient(t.query)}});
  if (c.model.positions == Positions::rotary) {
    const double rotated = c.sizes.rows * static_cast<double>(c.sizes.attention + c.sizes.kv);
    const double passes = c.fusion.rotary ? 1 : 4;
    b.elementwise(OpKind::rotary, "attention.rotary", rotated,
                  {2 * e * passes, 2 * e * passes, 2 * passes, 2 * passes},
                  {{value(t.query)}, {value(t.query)}},
                  {{value(t.query_gradient), value(t.key_value_gradient)},
                   {value(t.query_gradient), value(t.key_value_gradient)}});
  }
  (c.shape.context > 1 ? context_attention : attention_core)(b, c, t);
  return b.linear("attention.projection", t.merged,
                  {.in = c.sizes.attention, .out = c.model.hidden, .bias = bias, .shard = WeightShard::rows});
}

}  // namespace paraplan
