// A mixture of experts without expert parallelism. Rows are sorted by expert, and all experts' products of
// one kind are one grouped GEMM (Gale et al. 2023, MegaBlocks, section 4).
#include <cmath>

#include "costmodel/ops/layers/layer_parts.h"

namespace paraplan {
namespace {

// Where a token's rows go, and with which weights.
struct Routes {
  TensorId weights = -1;  // (B*T, top_k)
  TensorId indices = -1;  // (B*T, top_k)
};

// Kernels of the router behind its product, and passes over its logits: cast, softmax or sigmoid, choice,
// normalisation, map of tokens to experts, and their number; and the gradients of the first four.
constexpr double kRouteKernels = 6, kRouteGradientKernels = 4;

// Router of the tokens that this rank has outside the tensor-parallel region.
Routes route(BlockBuilder& b, const LayerContext& c, TensorId x) {
  const auto value = BlockBuilder::value, gradient = BlockBuilder::gradient;
  const Experts& experts = c.kind.feed_forward.experts;
  const TensorId logits = b.linear("ffn.router", x,
                                   {.in = c.model.hidden,
                                    .out = experts.count,
                                    .bias = experts.router_bias,
                                    .bias_place = BlockBuilder::BiasPlace::own_kernel})
                              .y;
  const TensorId scores = b.rows_of(logits, "ffn.router", experts.count, b.statistic_type());
  Routes routes{b.rows_of(logits, "ffn.route", experts.top_k, b.statistic_type()),
                b.rows_of(logits, "ffn.route", experts.top_k, DataType::int64)};
  const double pass = 2 * sizeof(float);
  b.elementwise(OpKind::route, "ffn.route", b.elements(logits),
                {pass * kRouteKernels, pass * kRouteGradientKernels, kRouteKernels, kRouteGradientKernels},
                {{value(logits)}, {value(routes.weights), value(routes.indices), value(scores)}},
                {{gradient(routes.weights), value(scores), value(routes.indices)}, {gradient(logits)}});
  return routes;
}

// The routes of all tokens, where each rank of the tensor group has made those of a part of them.
Routes gathered(BlockBuilder& b, const LayerContext& c, Routes routes) {
  routes.weights = b.enter_tensor_region("ffn.routes", routes.weights, false);
  b.hold_regather();  // no weight gradient reads it
  if (c.shape.tensor == 1 || !c.shape.sequence_parallel) return routes;
  const TensorId all = b.tensor("ffn.routes", c.shape.tokens(), b.at(routes.indices).width, DataType::int64);
  b.forward({.kind = OpKind::all_gather,
             .name = "ffn.routes",
             .bytes = b.at(all).bytes(),
             .group = CommGroup::tensor,
             .reads = {BlockBuilder::value(routes.indices)},
             .writes = {BlockBuilder::value(all)}});
  routes.indices = all;
  return routes;
}

// `count` products of equal size, each with a matrix (in, out) of its own, stored (count * in, out).
TensorId grouped_linear(BlockBuilder& b, const LayerContext& c, const char* name, TensorId x,
                        const BlockBuilder::Linear& options) {
  const auto value = BlockBuilder::value, gradient = BlockBuilder::gradient;
  const Experts& experts = c.kind.feed_forward.experts;
  const auto count = static_cast<double>(experts.count);
  const double share = static_cast<double>(experts.top_k) / count;
  const WeightId w = b.weight({.name = name,
                               .rows = experts.count * options.in,
                               .columns = options.out,
                               .shard = options.shard,
                               .parts = options.parts,
                               .used_share = share});
  const WeightId bias = options.bias
                            ? b.weight({.name = name,
                                        .rows = experts.count,
                                        .columns = options.out,
                                        .shard = options.shard == WeightShard::columns ? WeightShard::columns
                                                                                       : WeightShard::none,
                                        .parts = options.parts,
                                        .initial = InitialValue::zeros,
                                        .used_share = share})
                            : -1;
  const TensorId y = b.rows_of(x, name, options.out);
  const auto rows = static_cast<int64_t>(std::ceil(static_cast<double>(b.at(x).rows) / count));
  Op op{.kind = OpKind::grouped_gemm,
        .name = name,
        .m = rows,
        .n = options.out,
        .k = options.in,
        .batch = count};
  op.reads = {value(x), BlockBuilder::parameter(w)}, op.writes = {value(y)};
  b.forward(op);
  const double e = b.element_bytes();
  if (!c.fusion.gradient_accumulation)
    b.accumulate(name, 3 * e * count * static_cast<double>(options.in) * static_cast<double>(options.out), 1);
  op.derivative = Derivative::weight, op.m = options.in, op.k = rows;
  op.reads = {value(x), gradient(y)}, op.writes = {BlockBuilder::parameter_gradient(w)};
  b.backward(op);
  op.derivative = Derivative::data, op.m = rows, op.n = options.in, op.k = options.out;
  op.reads = {gradient(y), BlockBuilder::parameter(w)}, op.writes = {gradient(x)};
  b.backward(op);
  if (bias >= 0) {
    b.accumulate(name, 0, 1);
    b.elementwise(OpKind::bias_add, name, b.elements(y), {2 * e, e, 1, 1},
                  {{value(y), BlockBuilder::parameter(bias)}, {value(y)}},
                  {{gradient(y)}, {BlockBuilder::parameter_gradient(bias)}}, Derivative::weight);
  }
  return y;
}

// Each token's row once per expert that it is sent to, sorted by expert: (B*T*top_k, C).
TensorId permuted(BlockBuilder& b, const LayerContext& c, TensorId x, const Routes& routes) {
  const double e = b.element_bytes(), top_k = static_cast<double>(c.kind.feed_forward.experts.top_k);
  const TensorId rows =
      b.tensor("ffn.permute", b.at(x).rows * c.kind.feed_forward.experts.top_k, b.at(x).width);
  b.elementwise(
      OpKind::permute, "ffn.permute", b.elements(rows), {2 * e, e * (1 + 1 / top_k)},
      {{BlockBuilder::value(x), BlockBuilder::value(routes.indices)}, {BlockBuilder::value(rows)}},
      {{BlockBuilder::gradient(rows), BlockBuilder::value(routes.indices)}, {BlockBuilder::gradient(x)}});
  return rows;
}

// Weighted sums of the experts' rows, token by token.
TensorId unpermuted(BlockBuilder& b, const LayerContext& c, TensorId rows, const Routes& routes) {
  const auto value = BlockBuilder::value, gradient = BlockBuilder::gradient;
  const double e = b.element_bytes(), top_k = static_cast<double>(c.kind.feed_forward.experts.top_k);
  const TensorId y =
      b.tensor("ffn.unpermute", b.at(rows).rows / c.kind.feed_forward.experts.top_k, b.at(rows).width);
  b.elementwise(OpKind::unpermute, "ffn.unpermute", b.elements(rows), {e * (1 + 1 / top_k), 3 * e},
                {{value(rows), value(routes.weights), value(routes.indices)}, {value(y)}},
                {{gradient(y), value(rows), value(routes.weights), value(routes.indices)},
                 {gradient(rows), gradient(routes.weights)}});
  return y;
}

// The sigmoid of one more logit per token scales the shared experts' output.
TensorId gated_by_token(BlockBuilder& b, const LayerContext& c, TensorId y, TensorId x) {
  const auto value = BlockBuilder::value, gradient = BlockBuilder::gradient;
  const double e = b.element_bytes();
  const TensorId logit = b.linear("ffn.shared_gate", x, {.in = c.model.hidden, .out = 1}).y;
  const TensorId gated = b.rows_of(y, "ffn.shared_gate", b.at(y).width);
  b.elementwise(OpKind::gate, "ffn.shared_gate", b.elements(y), {2 * e, 4 * e, 2, 4},
                {{value(y), value(logit)}, {value(gated)}},
                {{gradient(gated), value(y), value(logit)}, {gradient(y), gradient(logit)}});
  return gated;
}

TensorId shared_experts(BlockBuilder& b, const LayerContext& c, TensorId x) {
  const Experts& experts = c.kind.feed_forward.experts;
  const TensorId gate_input = experts.shared_gate ? b.fork(x) : -1;
  const TensorId y = dense_feed_forward(b, c, x, experts.shared_width / c.shape.tensor).y;
  return experts.shared_gate ? gated_by_token(b, c, y, gate_input) : y;
}

}  // namespace

BlockBuilder::LinearResult experts(BlockBuilder& b, const LayerContext& c, TensorId x) {
  const FeedForward& ffn = c.kind.feed_forward;
  const int64_t width = ffn.width / c.shape.tensor;
  const TensorId router_input = b.fork(x);
  const Routes routes = gathered(b, c, route(b, c, router_input));
  x = b.enter_tensor_region("ffn.input", x, false);
  const auto regather = b.hold_regather();
  const TensorId shared_input = ffn.experts.shared_width > 0 ? b.fork(x) : -1;
  BlockBuilder::Linear up{
      .in = c.model.hidden, .out = width, .bias = ffn.bias, .shard = WeightShard::columns};
  if (ffn.gated()) up.out = 2 * width, up.parts = {width, width, 0};
  const TensorId inner = grouped_linear(b, c, "ffn.experts.up", permuted(b, c, x, routes), up);
  const TensorId rows =
      grouped_linear(b, c, "ffn.experts.down", activation(b, c, inner, -1),
                     {.in = width, .out = c.model.hidden, .bias = ffn.bias, .shard = WeightShard::rows});
  TensorId y = unpermuted(b, c, rows, routes);
  if (shared_input < 0) return {y, -1};
  b.regather_for_next(regather);
  return {b.sum("ffn.experts", y, shared_experts(b, c, shared_input)), -1};
}

}  // namespace paraplan
