#pragma once

#include <string>
#include <utility>
#include <vector>

#include "costmodel/model/model_spec.h"

namespace paraplan {

// A Llama-like layer of hidden size 64: 8 heads of width 8, 4 key-value heads, a gated block of width 256,
// causal, RMSNorm, no biases.
LayerKind small_layer();

// A model of two such layers with a vocabulary of 96.
ModelSpec small_model(const LayerKind& layer);

// Small models, one for each setting of layers that no family's preset has, by name.
std::vector<std::pair<std::string, ModelSpec>> small_models();

}  // namespace paraplan
