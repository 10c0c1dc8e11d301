// Dense decoders with RMSNorm, rotary positions and a gated feed-forward block.
#include <fmt/format.h>

#include "costmodel/io/huggingface/architectures.h"

namespace paraplan {
namespace {

int64_t layers_of(const Imported& imported) {
  return static_cast<int64_t>(imported.layers.size());
}

// Layers from max_window_layers on have the window, where it is switched on (Qwen).
void set_qwen_windows(ConfigReader& c, Imported& imported) {
  const bool used = c.flag("use_sliding_window", false);
  const int64_t layers = layers_of(imported), full = c.count("max_window_layers", layers);
  const int64_t window = c.size("sliding_window", 4096);
  std::vector<std::string> types;
  for (int64_t i = 0; i < layers; ++i)
    types.emplace_back(used && i >= full ? "sliding_attention" : "full_attention");
  set_windows(c, imported, layer_types(c, layers, types), window);
}

void set_query_key_norm(Imported& imported, QueryKeyNorm norm) {
  for (LayerKind& layer : imported.layers) layer.attention.query_key_norm = norm;
}

void set_norm_place(Imported& imported, NormPlace place) {
  for (LayerKind& layer : imported.layers) layer.norm_place = place;
}

void set_feed_forward_bias(Imported& imported, bool bias) {
  for (LayerKind& layer : imported.layers) layer.feed_forward.bias = bias;
}

double partial_rotary(ConfigReader& c, double absent) {
  const double share = c.number("partial_rotary_factor", absent);
  if (share > 1) c.fail("partial_rotary_factor", fmt::format("must be a number from 0 to 1, is {}", share));
  return share;
}

}  // namespace

Imported import_llama(ConfigReader& c) {
  Imported imported = import_rms_decoder(c);
  const bool bias = c.flag("attention_bias", false);
  set_attention_biases(imported, bias, bias);
  set_feed_forward_bias(imported, c.flag("mlp_bias", false));
  return imported;
}

Imported import_mistral(ConfigReader& c) {
  Imported imported = import_rms_decoder(c);
  const bool limited = !c.is_null("sliding_window");
  if (const int64_t window = c.size("sliding_window", 4096); limited)
    for (LayerKind& layer : imported.layers) layer.attention.window = window;
  return imported;
}

Imported import_qwen2(ConfigReader& c) {
  Imported imported = import_rms_decoder(c);
  set_attention_biases(imported, true, false);
  set_qwen_windows(c, imported);
  c.must_be("use_mrope", false, false, kNotSupported);
  return imported;
}

Imported import_qwen3(ConfigReader& c) {
  Imported imported = import_rms_decoder(c);
  const bool bias = c.flag("attention_bias", false);
  set_attention_biases(imported, bias, bias);
  set_query_key_norm(imported, QueryKeyNorm::head);
  set_qwen_windows(c, imported);
  return imported;
}

Imported import_phi3(ConfigReader& c) {
  Imported imported = import_rms_decoder(c);
  const double dropout = c.share("resid_pdrop", 0), share = partial_rotary(c, 1);
  imported.model.attention_dropout = c.share("attention_dropout", 0);
  imported.model.dropout = dropout;
  if (imported.model.attention_dropout == dropout) imported.model.attention_dropout.reset();
  const bool limited = c.has("sliding_window");
  const int64_t window = c.size("sliding_window", 1);
  for (LayerKind& layer : imported.layers) {
    layer.attention.rotary_share = share;
    if (limited) layer.attention.window = window;
  }
  c.must_be("attention_bias", false, false, "the architecture has no biases");
  c.ignore({"embd_pdrop", "original_max_position_embeddings"});
  return imported;
}

Imported import_granite(ConfigReader& c) {
  Imported imported = import_llama(c);
  // Constant factors, which the neighbouring kernels take along.
  c.ignore({"attention_multiplier", "embedding_multiplier", "logits_scaling", "residual_multiplier"});
  return imported;
}

Imported import_olmo2(ConfigReader& c) {
  Imported imported = import_rms_decoder(c);
  const bool bias = c.flag("attention_bias", false);
  set_attention_biases(imported, bias, bias);
  set_query_key_norm(imported, QueryKeyNorm::projection);
  set_norm_place(imported, NormPlace::after);
  return imported;
}

Imported import_glm4(ConfigReader& c) {
  Imported imported = import_rms_decoder(c);
  set_attention_biases(imported, c.flag("attention_bias", false), false);
  set_norm_place(imported, NormPlace::both);
  const double share = partial_rotary(c, 0.5);
  for (LayerKind& layer : imported.layers) layer.attention.rotary_share = share;
  return imported;
}

Imported import_gemma2(ConfigReader& c) {
  Imported imported = import_rms_decoder(c, true);
  const bool bias = c.flag("attention_bias", false);
  set_attention_biases(imported, bias, bias);
  set_norm_place(imported, NormPlace::both);
  const double cap = c.number("attn_logit_softcapping", 0);
  for (LayerKind& layer : imported.layers) layer.attention.soft_cap = cap;
  imported.model.logit_soft_cap = c.number("final_logit_softcapping", 0);
  std::vector<std::string> types;
  for (int64_t i = 0; i < layers_of(imported); ++i)
    types.emplace_back(i % 2 == 0 ? "sliding_attention" : "full_attention");
  set_windows(c, imported, layer_types(c, layers_of(imported), types), c.size("sliding_window", 4096));
  c.must_be("use_bidirectional_attention", false, false, kNotSupported);
  // hidden_act stands beside hidden_activation, which is the one that counts.
  c.ignore({"query_pre_attn_scalar", "sliding_window_size", "hidden_act"});
  return imported;
}

Imported import_gemma3(ConfigReader& c) {
  Imported imported = import_rms_decoder(c, true);
  const bool bias = c.flag("attention_bias", false);
  set_attention_biases(imported, bias, bias);
  set_norm_place(imported, NormPlace::both);
  set_query_key_norm(imported, QueryKeyNorm::head);
  const double cap = c.number("attn_logit_softcapping", 0);
  for (LayerKind& layer : imported.layers) layer.attention.soft_cap = cap;
  imported.model.logit_soft_cap = c.number("final_logit_softcapping", 0);
  const int64_t pattern = c.find_size({"sliding_window_pattern", "_sliding_window_pattern"}).value_or(6);
  std::vector<std::string> types;
  for (int64_t i = 0; i < layers_of(imported); ++i)
    types.emplace_back((i + 1) % pattern != 0 ? "sliding_attention" : "full_attention");
  set_windows(c, imported, layer_types(c, layers_of(imported), types), c.size("sliding_window", 4096));
  c.must_be("use_bidirectional_attention", false, false, kNotSupported);
  c.ignore({"query_pre_attn_scalar", "rope_local_base_freq", "hidden_act"});
  return imported;
}

}  // namespace paraplan
