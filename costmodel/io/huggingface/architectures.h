#pragma once

#include <string>
#include <vector>

#include "costmodel/io/huggingface/config_reader.h"
#include "costmodel/model/model_spec.h"

namespace paraplan {

// Why a configuration is refused that has layers of another form than its architecture usually has.
inline constexpr const char* kNotSupported = "this variant is not supported";

// What a configuration describes: all but the layers, and each layer.
struct Imported {
  ModelSpec model = {};
  std::vector<LayerKind> layers = {};
};

// One function per architecture. Each reads the keys that it understands, as the classes of the same name in
// `transformers` 4.57 do, with their defaults; sizes that shape the weights must be in the file. Throw
// InputError.
Imported import_gpt2(ConfigReader& c);
Imported import_gpt_neox(ConfigReader& c);
Imported import_bert(ConfigReader& c);  // with both heads, as BertForPreTraining
Imported import_opt(ConfigReader& c);
Imported import_bloom(ConfigReader& c);
Imported import_falcon(ConfigReader& c);

Imported import_llama(ConfigReader& c);
Imported import_mistral(ConfigReader& c);
Imported import_qwen2(ConfigReader& c);
Imported import_qwen3(ConfigReader& c);
Imported import_phi3(ConfigReader& c);
Imported import_granite(ConfigReader& c);
Imported import_olmo2(ConfigReader& c);
Imported import_glm4(ConfigReader& c);
Imported import_gemma2(ConfigReader& c);
Imported import_gemma3(ConfigReader& c);

Imported import_mixtral(ConfigReader& c);
Imported import_qwen2_moe(ConfigReader& c);
Imported import_qwen3_moe(ConfigReader& c);
Imported import_olmoe(ConfigReader& c);
Imported import_gpt_oss(ConfigReader& c);
Imported import_llama4(ConfigReader& c);

Imported import_deepseek_v2(ConfigReader& c);
Imported import_deepseek_v3(ConfigReader& c);  // and Kimi K2

// Parts that several share.

// Sizes, RMSNorm, rotary positions and gated feed-forward block of Llama and its descendants, without biases.
Imported import_rms_decoder(ConfigReader& c, bool tied_when_absent = false);

// How many layers; they are dealt one by one.
int64_t layer_count(const ConfigReader& c, int64_t layers, const char* key);

// Width of a head: `head_dim`, else hidden / heads, which must divide.
int64_t head_width(ConfigReader& c, int64_t hidden, int64_t heads, const char* heads_key);

// Key-value heads, which must divide the heads; all heads when absent.
int64_t kv_heads(ConfigReader& c, int64_t heads);

Activation plain_activation(ConfigReader& c, const char* key, const std::string& absent);
Activation gated_activation(ConfigReader& c, const char* key, const std::string& absent);

// Biases of the projections of attention in all layers: of queries, keys and values, and of the output.
void set_attention_biases(Imported& imported, bool into_heads, bool output);

// The word that transformers has for each layer's attention: `layer_types`, or `when_absent` of each layer.
std::vector<std::string> layer_types(ConfigReader& c, int64_t layers,
                                     const std::vector<std::string>& when_absent);

// Gives the layers of type "sliding_attention" their window.
void set_windows(ConfigReader& c, Imported& imported, const std::vector<std::string>& types, int64_t window);

}  // namespace paraplan
