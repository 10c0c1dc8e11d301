// DeepSeek-V2 and -V3: latent attention, shared experts.
#include <fmt/format.h>

#include <algorithm>

#include "costmodel/io/huggingface/architectures.h"

namespace paraplan {
namespace {

// An expert's groups, from which a token takes the best few.
void set_groups(ConfigReader& c, Experts& experts) {
  experts.groups = c.size("n_group", 1);
  experts.top_groups = c.size("topk_group", 1);
  if (experts.count % experts.groups != 0)
    c.fail("n_group", fmt::format("must divide n_routed_experts = {}, is {}", experts.count, experts.groups));
  if (experts.top_groups > experts.groups ||
      experts.top_groups * (experts.count / experts.groups) < experts.top_k)
    c.fail("topk_group",
           fmt::format("must be at most n_group = {}, of whose {} experts each it must hold "
                       "num_experts_per_tok = {}; is {}",
                       experts.groups, experts.count / experts.groups, experts.top_k, experts.top_groups));
}

LatentAttention latent_attention(ConfigReader& c) {
  const bool direct = c.is_null("q_lora_rank");  // queries come from the hidden state
  const int64_t query_rank = c.size("q_lora_rank", 1536);
  return {direct ? 0 : query_rank, c.size("kv_lora_rank"), c.size("qk_rope_head_dim")};
}

Experts experts_of(ConfigReader& c, int64_t width) {
  Experts experts{.count = c.size("n_routed_experts"), .top_k = c.size("num_experts_per_tok")};
  if (experts.top_k > experts.count)
    c.fail("num_experts_per_tok",
           fmt::format("must be at most n_routed_experts = {}, is {}", experts.count, experts.top_k));
  experts.shared_width = c.count("n_shared_experts", 0) * width;
  if (c.size("moe_layer_freq", 1) != 1) c.fail("moe_layer_freq", fmt::format("must be 1: {}", kNotSupported));
  // Factors on the experts' weights, and losses of a few numbers per token.
  c.ignore({"norm_topk_prob", "routed_scaling_factor", "aux_loss_alpha", "seq_aux", "output_router_logits",
            "router_aux_loss_coef", "ep_size"});
  return experts;
}

// What both versions share: the first layers are dense, the others have experts.
Imported import_deepseek(ConfigReader& c, const char* topk_method, const char* score) {
  Imported imported = import_rms_decoder(c);
  const int64_t heads = imported.layers.front().attention.heads, nope = c.size("qk_nope_head_dim");
  const bool bias = c.flag("attention_bias", false);
  const LatentAttention latent = latent_attention(c);
  const int64_t values = c.size("v_head_dim"), width = c.size("moe_intermediate_size");
  Experts experts = experts_of(c, width);
  const std::string method = c.word("topk_method", topk_method), scoring = c.word("scoring_func", score);
  if (method != "greedy") set_groups(c, experts);
  c.ignore({"n_group", "topk_group"});
  if (scoring != "softmax" && scoring != "sigmoid")
    c.fail("scoring_func", fmt::format("must be \"softmax\" or \"sigmoid\", is \"{}\"", scoring));
  experts.score = scoring == "sigmoid" ? RouterScore::sigmoid : RouterScore::softmax;
  experts.balancing_bias = method == "noaux_tc";
  const int64_t width_of_keys = nope + latent.rope_width;
  if (c.size("qk_head_dim", width_of_keys) != width_of_keys)
    c.fail("qk_head_dim", fmt::format("must be qk_nope_head_dim + qk_rope_head_dim = {}", width_of_keys));
  const int64_t dense = c.count("first_k_dense_replace", 0);
  for (size_t i = 0; i < imported.layers.size(); ++i) {
    LayerKind& layer = imported.layers[i];
    layer.attention = {.heads = heads,
                       .kv_heads = heads,
                       .head_width = width_of_keys,
                       .value_width = values,
                       .latent = latent,
                       .qkv_bias = bias,
                       .output_bias = bias};
    if (static_cast<int64_t>(i) < dense) continue;
    layer.feed_forward.width = width;
    layer.feed_forward.experts = experts;
  }
  return imported;
}

}  // namespace

Imported import_deepseek_v2(ConfigReader& c) {
  c.must_be("mlp_bias", false, false, kNotSupported);
  return import_deepseek(c, "greedy", "softmax");
}

Imported import_deepseek_v3(ConfigReader& c) {
  Imported imported = import_deepseek(c, "noaux_tc", "sigmoid");
  imported.model.prediction_layers = c.count("num_nextn_predict_layers", 0);
  c.ignore({"rope_interleave"});
  return imported;
}

}  // namespace paraplan
