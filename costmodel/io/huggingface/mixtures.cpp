// Decoders with mixtures of experts.
#include <fmt/format.h>

#include <algorithm>

#include "costmodel/io/huggingface/architectures.h"

namespace paraplan {
namespace {

int64_t layers_of(const Imported& imported) {
  return static_cast<int64_t>(imported.layers.size());
}

// The count of experts and how many of them a token passes.
Experts experts_of(ConfigReader& c, const char* count_key, int64_t top_k) {
  Experts experts{.count = c.size(count_key), .top_k = top_k};
  if (top_k > experts.count)
    c.fail("num_experts_per_tok",
           fmt::format("must be at most {} = {}, is {}", count_key, experts.count, top_k));
  c.ignore({"output_router_logits", "router_aux_loss_coef"});  // a sum over few numbers per token
  return experts;
}

void set_experts(LayerKind& layer, int64_t width, const Experts& experts) {
  layer.feed_forward.width = width;
  layer.feed_forward.experts = experts;
}

// Layers whose number divides decoder_sparse_step have experts, but for mlp_only_layers (Qwen).
void set_qwen_experts(ConfigReader& c, Imported& imported, const Experts& experts) {
  const int64_t width = c.size("moe_intermediate_size"), step = c.size("decoder_sparse_step", 1);
  const std::vector<int64_t> dense = c.counts("mlp_only_layers");
  for (int64_t layer : dense)
    if (layer >= layers_of(imported))
      c.fail("mlp_only_layers", fmt::format("each item must be below num_hidden_layers = {}, one is {}",
                                            layers_of(imported), layer));
  for (int64_t i = 0; i < layers_of(imported); ++i) {
    const bool sparse = (i + 1) % step == 0 && std::ranges::find(dense, i) == dense.end();
    if (sparse) set_experts(imported.layers[static_cast<size_t>(i)], width, experts);
  }
  c.ignore({"norm_topk_prob"});  // weights are divided by their sum
}

// All layers from max_window_layers on, where the window is switched on.
void refuse_qwen_windows(ConfigReader& c) {
  c.must_be("use_sliding_window", false, false, kNotSupported);
  c.ignore({"sliding_window", "max_window_layers"});
}

}  // namespace

Imported import_mixtral(ConfigReader& c) {
  Imported imported = import_rms_decoder(c);
  const Experts experts = experts_of(c, "num_local_experts", c.size("num_experts_per_tok", 2));
  const bool limited = c.has("sliding_window");
  const int64_t window = c.size("sliding_window", 1);
  for (LayerKind& layer : imported.layers) {
    set_experts(layer, layer.feed_forward.width, experts);
    if (limited) layer.attention.window = window;
  }
  c.ignore({"router_jitter_noise"});  // a factor on the router's input
  return imported;
}

Imported import_qwen2_moe(ConfigReader& c) {
  Imported imported = import_rms_decoder(c);
  set_attention_biases(imported, c.flag("qkv_bias", true), false);
  Experts experts = experts_of(c, "num_experts", c.size("num_experts_per_tok"));
  experts.shared_width = c.size("shared_expert_intermediate_size");
  experts.shared_gate = true;
  set_qwen_experts(c, imported, experts);
  refuse_qwen_windows(c);
  return imported;
}

Imported import_qwen3_moe(ConfigReader& c) {
  Imported imported = import_rms_decoder(c);
  const bool bias = c.flag("attention_bias", false);
  set_attention_biases(imported, bias, bias);
  for (LayerKind& layer : imported.layers) layer.attention.query_key_norm = QueryKeyNorm::head;
  set_qwen_experts(c, imported, experts_of(c, "num_experts", c.size("num_experts_per_tok")));
  refuse_qwen_windows(c);
  return imported;
}

Imported import_olmoe(ConfigReader& c) {
  Imported imported = import_rms_decoder(c);
  const bool bias = c.flag("attention_bias", false);
  set_attention_biases(imported, bias, bias);
  const Experts experts = experts_of(c, "num_experts", c.size("num_experts_per_tok"));
  for (LayerKind& layer : imported.layers) {
    set_experts(layer, layer.feed_forward.width, experts);
    layer.attention.query_key_norm = QueryKeyNorm::projection;
  }
  c.must_be_absent("clip_qkv", kNotSupported);
  c.ignore({"norm_topk_prob"});
  return imported;
}

Imported import_gpt_oss(ConfigReader& c) {
  Imported imported = import_rms_decoder(c);
  const bool bias = c.flag("attention_bias", true);
  set_attention_biases(imported, bias, bias);
  const auto top_k = c.find_size({"num_experts_per_tok", "experts_per_token"});
  Experts experts = experts_of(c, "num_local_experts", top_k.value_or(4));
  experts.router_bias = true;
  std::vector<std::string> types;
  for (LayerKind& layer : imported.layers) {
    set_experts(layer, layer.feed_forward.width, experts);
    layer.feed_forward.bias = true;
    layer.attention.sinks = true;
    types.emplace_back(types.size() % 2 == 0 ? "sliding_attention" : "full_attention");
  }
  set_windows(c, imported, layer_types(c, layers_of(imported), types), c.size("sliding_window", 128));
  c.ignore({"initial_context_length", "swiglu_limit"});  // the activation clamps, in the same kernel
  return imported;
}

Imported import_llama4(ConfigReader& c) {
  Imported imported = import_rms_decoder(c);
  const bool bias = c.flag("attention_bias", false), query_key_norm = c.flag("use_qk_norm", true);
  set_attention_biases(imported, bias, bias);
  Experts experts = experts_of(c, "num_local_experts", c.size("num_experts_per_tok", 1));
  const int64_t expert_width = c.size("intermediate_size"), dense_width = c.size("intermediate_size_mlp");
  experts.shared_width = expert_width;
  experts.score = RouterScore::sigmoid;
  const int64_t layers = layers_of(imported), expert_step = c.size("interleave_moe_layer_step", 1);
  const int64_t full_step = c.size("no_rope_layer_interval", 4);
  const bool chunked = !c.is_null("attention_chunk_size");
  const int64_t chunk = c.size("attention_chunk_size", 8192);
  const std::vector<int64_t> rotary = c.counts("no_rope_layers"), listed = c.counts("moe_layers");
  if (!rotary.empty() && static_cast<int64_t>(rotary.size()) != layers)
    c.fail("no_rope_layers", fmt::format("must have an item, 1 or 0, for each of the {} layers, has {}",
                                         layers, rotary.size()));
  const std::vector<std::string> types = layer_types(c, layers, {});
  for (int64_t i = 0; i < layers; ++i) {
    LayerKind& layer = imported.layers[static_cast<size_t>(i)];
    const bool turns = rotary.empty() ? (i + 1) % full_step != 0 : rotary[static_cast<size_t>(i)] != 0;
    layer.attention.rotary_share = turns ? 1 : 0;
    const bool chunks = types.empty() ? turns : types[static_cast<size_t>(i)] == "chunked_attention";
    layer.attention.chunk = chunks && chunked ? chunk : 0;
    if (turns && query_key_norm) layer.attention.query_key_norm = QueryKeyNorm::head_unscaled;
    const bool sparse =
        listed.empty() ? (i + 1) % expert_step == 0 : std::ranges::find(listed, i) != listed.end();
    layer.feed_forward.width = dense_width;
    if (sparse) set_experts(layer, expert_width, experts);
  }
  c.ignore(
      {"router_jitter_noise", "attn_temperature_tuning", "attn_scale", "floor_scale", "for_llm_compression"});
  return imported;
}

}  // namespace paraplan
