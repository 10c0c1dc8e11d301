#include "costmodel/time/stage_cost.h"

#include <algorithm>

namespace paraplan {
int64_t recomputed_layers(const Layout& layout, int64_t stage_layers) {
  switch (layout.recompute) {
    case Recompute::none:
    case Recompute::selective:
      return 0;
    case Recompute::full:
      return stage_layers;
    case Recompute::layers: {
      // The first N layers of a stage; with chunks, of each chunk in proportion.
      const int64_t per_chunk = (layout.recompute_layers + layout.virtual_stages - 1) / layout.virtual_stages;
      return std::min(per_chunk, stage_layers);
    }
  }
  return 0;
}

StagePasses stage_passes(const ModelCost& model, const StageContent& content, const Layout& layout) {
  const int64_t redone = recomputed_layers(layout, content.layers);
  const auto layers = static_cast<double>(content.layers), again = static_cast<double>(redone);
  const BlockCost& layer = model.layer;

  StagePasses passes;
  if (content.embedding) passes.forward = model.embedding.gather + model.embedding.forward;
  passes.forward = passes.forward + (layer.gather + layer.forward).repeated(layers);
  if (content.head) passes.forward = passes.forward + model.head.gather + model.head.forward;

  if (content.head) passes.backward = model.head.gather + model.head.backward + model.head.reduce;
  PassCost plain = layer.gather + layer.backward + layer.reduce;
  if (layout.recompute == Recompute::selective)
    plain = model.core_checkpoint + layer.attention_core.as(TimeCategory::recompute) + plain;
  const PassCost redo = model.layer_checkpoint + layer.gather + layer.forward.as(TimeCategory::recompute) +
                        layer.gather + layer.backward + layer.reduce;
  passes.backward = passes.backward + plain.repeated(layers - again) + redo.repeated(again);
  if (content.embedding)
    passes.backward = passes.backward + model.embedding.backward + model.embedding.reduce;
  return passes;
}

double stage_parameters(const ModelCost& model, const StageContent& content) {
  return static_cast<double>(content.layers) * model.layer.parameters +
         (content.embedding ? model.embedding.parameters : 0) + (content.head ? model.head.parameters : 0);
}

double stage_weights(const ModelCost& model, const StageContent& content) {
  return static_cast<double>(content.layers) * model.layer.weights +
         (content.embedding ? model.embedding.weights : 0) + (content.head ? model.head.weights : 0);
}

double stage_partial_parameters(const ModelCost& model, const StageContent& content) {
  return static_cast<double>(content.layers) * model.layer.partial_parameters +
         (content.embedding ? model.embedding.partial_parameters : 0) +
         (content.head ? model.head.partial_parameters : 0);
}

}  // namespace paraplan
