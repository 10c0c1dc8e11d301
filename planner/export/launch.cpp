#include "planner/export/launch.h"

#include <fmt/format.h>

#include "costmodel/base/input_error.h"
#include "costmodel/model/family.h"
#include "costmodel/step/split.h"

namespace paraplan {
namespace {

// The sizes with which a preset would be this model, as far as the first kind of layer shows.
FamilySizes sizes_of(const ModelSpec& model, Family family) {
  const LayerKind& layer = model.kinds.front();
  return {.name = model.name,
          .family = family,
          .layers = model.layers(),
          .hidden = model.hidden,
          .heads = layer.attention.heads,
          .kv_heads = layer.attention.kv_heads,
          .head_width = layer.attention.head_width,
          .ffn = layer.feed_forward.width,
          .vocab = model.vocab,
          .max_positions = model.max_positions,
          .tied_embeddings = model.tied_embeddings,
          .qkv_bias = layer.attention.qkv_bias,
          .dropout = model.dropout};
}

}  // namespace

std::vector<int64_t> layers_of_chunks(const Scenario& scenario, const Layout& layout) {
  const ModelSplit split = split_model(scenario.model, layout, scenario.software.stage_balance);
  std::vector<int64_t> layers;
  for (size_t i = 0; i < split.virtual_stages(); ++i) layers.push_back(split.at(i).layers());
  return layers;
}

Launch launch_of(const Scenario& scenario, const Layout& layout) {
  const Communication& communication = scenario.software.communication;
  return {.name = scenario.name,
          .model = scenario.model,
          .layout = layout,
          .cluster = scenario.cluster,
          .seq_length = scenario.seq_length,
          .global_batch = scenario.global_batch,
          .precision = scenario.precision,
          .fusion = scenario.software.fusion,
          .overlaps_reduction = communication.gradient_reduction == GradientReduction::overlapped,
          .overlaps_tensor = communication.tensor_overlap.value > 0,
          .chunk_layers = layers_of_chunks(scenario, layout)};
}

Family family_of(const Launch& launch) {
  for (const Family family : {Family::gpt, Family::bert, Family::llama})
    if (model_of(sizes_of(launch.model, family)) == launch.model) return family;
  throw InputError("export", 0, "model",
                   fmt::format("\"{}\" has layers that are not alike, or of no preset (gpt, bert, llama); no "
                               "launch format here describes such a model",
                               launch.model.name));
}

int64_t micro_batches(const Launch& launch) {
  return launch.global_batch / (launch.layout.data * launch.layout.micro_batch);
}

}  // namespace paraplan
