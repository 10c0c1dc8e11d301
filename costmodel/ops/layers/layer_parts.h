#pragma once

#include "costmodel/ops/block_builder.h"

namespace paraplan {

// Local sizes of a layer. H heads, G kv heads, w width of queries and keys, u of values (= w in most models).
struct LayerSizes {
  double rows;        // B*T on this rank inside tensor-parallel regions
  int64_t attention;  // H*w/m: width of the local heads' queries
  int64_t values;     // H*u/m: of their output
  int64_t kv;         // G*w/m: of keys
  int64_t kv_values;  // G*u/m: of values
  double heads;       // H/m
  double tokens;      // T, tokens of a sample on this rank
  double all_tokens;  // tokens of a sample over the context group
};

// What the parts of a layer are built from.
struct LayerContext {
  const ModelSpec& model;
  const LayerKind& kind;
  const Fusion& fusion;
  const BlockShape& shape;
  LayerSizes sizes;

  LayerContext(const ModelSpec& model, const LayerKind& kind, const Fusion& fusion, const BlockShape& shape);
};

// Attention and feed-forward block without norms and without their entry to and exit from the residual
// stream. `x` is inside the tensor-parallel region, except for latent attention and for experts, which enter
// it by themselves behind what each rank does alone. The branch's output and the bias that is still to be
// added.
BlockBuilder::LinearResult attention(BlockBuilder& b, const LayerContext& c, TensorId x);
BlockBuilder::LinearResult feed_forward(BlockBuilder& b, const LayerContext& c, TensorId x);

// What attention works on. Q, K and V are columns of one tensor, unless `extra` holds the values; their
// gradients are made apart and joined.
struct AttentionTensors {
  TensorId query = -1;               // (B*T, (H + 2 G) w / m), queries in front
  TensorId key_value = -1;           // the same tensor, or keys and values of the context group
  TensorId extra = -1;               // values, where they lie apart
  TensorId query_gradient = -1;      // (B*T, H w / m)
  TensorId key_value_gradient = -1;  // (B*T, G (w + u) / m), or of the context group; keys alone with `extra`
  TensorId extra_gradient = -1;      // (B*T, G u / m) of values that lie apart
  TensorId merged = -1;              // (B*T, H u / m)
  WeightId sinks = -1;
};

// softmax(Q K^T / sqrt(w)) V, over the context group.
void attention_core(BlockBuilder& b, const LayerContext& c, const AttentionTensors& tensors);

// Queries, keys and values from latent vectors, turned.
AttentionTensors latent_projections(BlockBuilder& b, const LayerContext& c, TensorId x);

// A mixture of experts, all of which this tensor group holds: each rank a part of the width of every expert.
// Tokens are spread evenly over the experts.
BlockBuilder::LinearResult experts(BlockBuilder& b, const LayerContext& c, TensorId x);

// Two linear layers with an activation between them, of local width `width`.
BlockBuilder::LinearResult dense_feed_forward(BlockBuilder& b, const LayerContext& c, TensorId x,
                                              int64_t width);

// The activation between them. `inner_bias`: what is still to be added to `inner`, where it is not gated.
TensorId activation(BlockBuilder& b, const LayerContext& c, TensorId inner, WeightId inner_bias);

}  // namespace paraplan
