#include <cmath>

#include "costmodel/ops/layers/layer_parts.h"

namespace paraplan {
namespace {

// Nothing where no tensor is.
Operand value_of(TensorId t) {
  return t < 0 ? Operand{} : BlockBuilder::value(t);
}

// Scale, mask and softmax per score. The causal kernel reads only the lower triangle, and writes zeros above
// it; a window or chunks need the kernel that reads a mask.
BlockBuilder::Traffic softmax_traffic(const Attention& attention, const Fusion& fusion, double e) {
  if (!fusion.softmax) return {6 * e + 1, 6 * e + 1, 3, 3};
  if (!attention.causal || attention.window > 0 || attention.chunk > 0) return {2 * e, 3 * e, 1, 1};
  return {1.5 * e, 2 * e, 1, 1};
}

// softmax(Q K^T / sqrt(w)), with dropout: (B * H/m * T, T').
TensorId probabilities(BlockBuilder& b, const LayerContext& c, const Op& scores) {
  const double e = b.element_bytes(),
               elements = scores.batch * static_cast<double>(scores.m) * static_cast<double>(scores.n);
  const int64_t rows = static_cast<int64_t>(scores.batch) * scores.m;
  TensorId p = scores.writes[0].index;
  if (c.kind.attention.soft_cap > 0) p = b.soft_cap("attention.soft_cap", p);
  const double dropout = c.model.attention_drop() > 0 ? 1 : 0, mask = static_cast<double>(b.mask_bytes());
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
  const int64_t width = c.kind.attention.head_width, value_width = c.kind.attention.values();
  const int64_t rows = static_cast<int64_t>(batch) * queries;
  const TensorId scores = b.tensor("attention.probabilities", rows, keys);
  const TensorId values = t.extra < 0 ? t.key_value : t.extra;
  const TensorId value_gradient = t.extra_gradient < 0 ? t.key_value_gradient : t.extra_gradient;
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
  const TensorId context = b.tensor("attention.context", rows, value_width);
  b.set_attention_core(true);
  op.kind = OpKind::attention_context, op.name = "attention.context", op.n = value_width, op.k = keys;
  op.reads = {value(p), value(values)}, op.writes = {value(context)};
  b.forward(op);
  gradients(op, value(p), value(values), gradient(p), value(value_gradient), gradient(context));
  b.elementwise(OpKind::merge_heads, "attention.merge_heads", b.elements(context), {2 * e, 2 * e, 1, 1},
                {{value(context)}, {value(t.merged)}}, {{gradient(t.merged)}, {gradient(context)}});
}

// m queries against n keys: all of the sample, half of them skipped where it is causal; or, where a window or
// chunks hide more, as many as a query sees on average.
void set_flash_shape(Op& op, const LayerContext& c) {
  const Attention& a = c.kind.attention;
  const double tokens = c.sizes.all_tokens, pairs = visible_pairs(a, tokens);
  op.m = static_cast<int64_t>(c.sizes.tokens), op.n = static_cast<int64_t>(tokens);
  op.k = (a.head_width + a.values()) / 2;
  op.batch = static_cast<double>(c.shape.micro_batch) * c.sizes.heads;
  op.causal = a.causal;
  if (a.causal && pairs < tokens * tokens / 2) {
    op.n = static_cast<int64_t>(std::ceil(pairs / tokens));
    op.causal = false;
  }
  const auto widths = static_cast<double>(c.sizes.attention + c.sizes.values);
  op.flop = 2 * c.sizes.rows * widths * pairs / tokens;
}

// The sinks' gradients follow from the sums of the rows.
void sink_gradient(BlockBuilder& b, const LayerContext& c, TensorId sums, WeightId sinks) {
  b.backward({.kind = OpKind::attention_sinks,
              .name = "attention.sinks",
              .derivative = Derivative::weight,
              .attention_core = true,
              .bytes = 2 * c.sizes.rows * c.sizes.heads * sizeof(float),
              .reads = {BlockBuilder::value(sums), BlockBuilder::parameter(sinks)},
              .writes = {BlockBuilder::parameter_gradient(sinks)}});
  b.accumulate("attention.sinks", 0, 1);
}

void flash_attention(BlockBuilder& b, const LayerContext& c, const AttentionTensors& t) {
  const auto value = BlockBuilder::value, gradient = BlockBuilder::gradient;
  const double e = b.element_bytes();
  const TensorId sums = b.tensor("attention.log_sum_exp", static_cast<int64_t>(c.sizes.rows * c.sizes.heads),
                                 1, b.statistic_type());
  Op op{.kind = OpKind::flash_attention, .name = "attention.flash", .attention_core = true};
  set_flash_shape(op, c);
  const double flop = op.flop;
  if (c.model.attention_drop() > 0) op.random_numbers = op.batch * c.sizes.tokens * c.sizes.all_tokens;
  op.bytes = c.sizes.rows *
             static_cast<double>(c.sizes.attention + c.sizes.values + c.sizes.kv + c.sizes.kv_values) * e;
  op.reads = {value(t.query), value(t.key_value), value_of(t.extra), BlockBuilder::parameter(t.sinks)};
  op.writes = {value(t.merged), value(sums)};
  b.forward(op);
  if (t.sinks >= 0) sink_gradient(b, c, sums, t.sinks);
  op.derivative = Derivative::data;
  op.bytes *= 2;
  op.flop = 2.5 * flop;  // recomputes the scores: 5 products for 2 (Dao 2023, section 3.1)
  op.launches = 3;
  op.reads = {gradient(t.merged), value(t.query), value(t.key_value),
              value(t.merged),    value(sums),    value_of(t.extra)};
  op.writes = {value(t.query_gradient), value(t.key_value_gradient), value_of(t.extra_gradient)};
  b.backward(op);
}

void one_rank_core(BlockBuilder& b, const LayerContext& c, const AttentionTensors& tensors) {
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
void context_core(BlockBuilder& b, const LayerContext& c, const AttentionTensors& local) {
  const auto value = BlockBuilder::value;
  AttentionTensors t = local;
  const int64_t rows = b.at(local.key_value_gradient).rows * c.shape.context,
                width = b.at(local.key_value_gradient).width +
                        (local.extra_gradient < 0 ? 0 : b.at(local.extra_gradient).width);
  t.key_value = b.tensor("attention.keys_values", rows, width);
  t.key_value_gradient = b.tensor("attention.keys_values", rows, width);
  t.extra = t.extra_gradient = -1;
  Op gather{.kind = OpKind::all_gather, .name = "attention.keys_values", .group = CommGroup::context};
  gather.bytes = b.at(t.key_value).bytes();
  gather.reads = {value(local.key_value), value_of(local.extra)}, gather.writes = {value(t.key_value)};
  Op scatter = gather;
  scatter.kind = OpKind::reduce_scatter, scatter.derivative = Derivative::data;
  scatter.reads = {value(t.key_value_gradient)};
  scatter.writes = {value(local.key_value_gradient), value_of(local.extra_gradient)};
  gather.attention_core = true;  // not kept, so a recomputed core needs it again
  b.forward(gather);
  b.backward(scatter);
  one_rank_core(b, c, t);
  gather.attention_core = false;
  gather.derivative = Derivative::data;
  b.backward(gather);
}

}  // namespace

void attention_core(BlockBuilder& b, const LayerContext& c, const AttentionTensors& tensors) {
  (c.shape.context > 1 ? context_core : one_rank_core)(b, c, tensors);
}

}  // namespace paraplan
