#include "costmodel/step/stage_plan.h"

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

}  // namespace

std::vector<StageContent> split_model(const ModelSpec& model, const Layout& layout, StageBalance balance) {
  const int64_t parts = layout.pipeline * layout.virtual_stages;
  const bool by_parameters = balance == StageBalance::parameters && parts > 1 && layout.virtual_stages == 1;
  const std::vector<int64_t> counts =
      by_parameters ? layers_by_parameters(model, parts) : even_layers(model.layers, parts);
  std::vector<StageContent> contents;
  for (int64_t count : counts) contents.push_back({.layers = count});
  contents.front().embedding = true;
  contents.back().head = true;
  return contents;
}

}  // namespace paraplan
