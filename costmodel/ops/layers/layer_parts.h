#pragma once

#include "costmodel/ops/block_builder.h"

namespace paraplan {

// Local sizes of a layer.
struct LayerSizes {
  double rows;        // B*T on this rank inside tensor-parallel regions
  int64_t attention;  // H*w/m: width of the local heads
  int64_t kv;         // G*w/m: of keys, and of values
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

// Attention and feed-forward block without their entry to and exit from the residual stream `x`: the branch's
// output and the bias that is still to be added.
BlockBuilder::LinearResult attention(BlockBuilder& b, const LayerContext& c, TensorId x);
BlockBuilder::LinearResult feed_forward(BlockBuilder& b, const LayerContext& c, TensorId x);

}  // namespace paraplan
