#pragma once

#include <cstdint>
#include <string>

#include "costmodel/model/model_spec.h"

namespace paraplan {

// Presets of model files: all layers are alike.
enum class Family {
  gpt,    // LayerNorm, GELU, learned positions, causal attention
  bert,   // LayerNorm, GELU, learned positions, segment embeddings, pooler, masked-LM and next-sentence heads
  llama,  // RMSNorm, rotary positions, grouped-query attention, gated ffn, no biases
};
const char* to_string(Family);

// What a model file says beside its family.
struct FamilySizes {
  std::string name = {};
  Family family = Family::gpt;
  int64_t layers = 0;
  int64_t hidden = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;    // 0: as many as heads
  int64_t head_width = 0;  // 0: hidden / heads
  int64_t ffn = 0;         // 0: 4 hidden
  int64_t vocab = 0;
  int64_t max_positions = 0;
  bool tied_embeddings = true;
  bool qkv_bias = false;  // llama only (Qwen); gpt and bert always have biases
  double dropout = 0;
};

ModelSpec model_of(const FamilySizes& sizes);

}  // namespace paraplan
