#include "costmodel/step/split.h"

#include <algorithm>
#include <numeric>

#include "costmodel/ops/blocks.h"

namespace paraplan {
namespace {

std::vector<int64_t> even_layers(int64_t layers, int64_t parts) {
  std::vector<int64_t> counts(static_cast<size_t>(parts), layers / parts);
  const int64_t remainder = layers % parts;
  const int64_t first = (parts - remainder) / 2;
  for (int64_t i = 0; i < remainder; ++i) ++counts[static_cast<size_t>(first + i)];
  return counts;
}

// Layers per part when no part may hold more than `limit` parameters, filling from the front; -1 in the sum
// when the layers do not fit. Every part keeps at least one layer.
std::vector<int64_t> fill_parts(double layer, double embedding, double head, int64_t layers, int64_t parts,
                                double limit) {
  std::vector<int64_t> counts;
  int64_t left = layers;
  for (int64_t i = 0; i < parts; ++i) {
    const double ends = (i == 0 ? embedding : 0) + (i + 1 == parts ? head : 0);
    const auto room = static_cast<int64_t>(std::max(0.0, (limit - ends) / layer));
    const int64_t later = parts - 1 - i;
    counts.push_back(std::clamp<int64_t>(std::min(room, left - later), 1, std::max<int64_t>(1, left)));
    left -= counts.back();
  }
  if (left > 0) counts.clear();
  return counts;
}

std::vector<int64_t> layers_by_parameters(const ModelSpec& model, int64_t parts) {
  const Fusion fusion;
  const BlockShape shape;
  const double layer = transformer_layer(model, fusion, shape).parameters();
  const double embedding = embedding_block(model, fusion, shape).parameters();
  const double head = head_block(model, fusion, shape, true).parameters();
  double low = 0, high = embedding + head + layer * static_cast<double>(model.layers);
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (fill_parts(layer, embedding, head, model.layers, parts, middle).empty() ? low : high) = middle;
  }
  return fill_parts(layer, embedding, head, model.layers, parts, high);
}

// Of a virtual stage's layers, those whose forward pass is redone from their input.
int64_t recomputed_layers(const Layout& layout, int64_t layers) {
  if (layout.recompute == Recompute::full) return layers;
  if (layout.recompute != Recompute::layers) return 0;
  return std::min((layout.recompute_layers + layout.virtual_stages - 1) / layout.virtual_stages, layers);
}

Chunk chunk_of_layers(const Layout& layout, int64_t layers) {
  const int64_t redone = recomputed_layers(layout, layers);
  Chunk chunk;
  if (redone > 0) chunk.segments.push_back({BlockName::layer, Kept::input, redone});
  const Kept kept = layout.recompute == Recompute::selective ? Kept::no_core : Kept::all;
  if (redone < layers) chunk.segments.push_back({BlockName::layer, kept, layers - redone});
  return chunk;
}

}  // namespace

int64_t Chunk::count(BlockName block) const {
  int64_t sum = 0;
  for (const Segment& s : segments) sum += s.block == block ? s.repeats : 0;
  return sum;
}

int64_t ModelSplit::count(int64_t stage, BlockName block) const {
  int64_t sum = 0;
  for_stage(stage, [&](size_t i) { sum += at(i).count(block); });
  return sum;
}

StateCount ModelSplit::state(int64_t stage, const std::array<StateCount, kModelBlocks>& blocks) const {
  StateCount sum;
  for_stage(stage, [&](size_t i) {
    for (const Segment& s : at(i).segments)
      sum.add(blocks[static_cast<size_t>(s.block)], static_cast<double>(s.repeats));
  });
  return sum;
}

ModelSplit split_model(const ModelSpec& model, const Layout& layout, StageBalance balance) {
  const int64_t parts = layout.pipeline * layout.virtual_stages;
  const bool by_parameters = balance == StageBalance::parameters && parts > 1 && layout.virtual_stages == 1;
  const std::vector<int64_t> counts =
      by_parameters ? layers_by_parameters(model, parts) : even_layers(model.layers, parts);
  ModelSplit split;
  split.pipeline = layout.pipeline;
  for (size_t i = 0; i < counts.size(); ++i) {
    const bool first = i == 0, last = i + 1 == counts.size();
    const bool as_before = i > 1 && !last && counts[i] == counts[i - 1];
    if (!as_before) {
      split.chunks.push_back(chunk_of_layers(layout, counts[i]));
      std::vector<Segment>& segments = split.chunks.back().segments;
      if (first) segments.insert(segments.begin(), {.block = BlockName::embedding});
      if (last) segments.push_back({.block = BlockName::head});
    }
    split.chunk_of.push_back(static_cast<int32_t>(split.chunks.size()) - 1);
  }
  return split;
}

}  // namespace paraplan
