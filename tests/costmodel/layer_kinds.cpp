#include "tests/costmodel/layer_kinds.h"

namespace paraplan {

LayerKind small_layer() {
  LayerKind layer;
  layer.attention = {.heads = 8, .kv_heads = 4, .head_width = 8};
  layer.feed_forward = {.width = 256, .activation = Activation::swiglu};
  layer.norm = NormKind::rms;
  return layer;
}

ModelSpec small_model(const LayerKind& layer) {
  ModelSpec model;
  model.hidden = 64;
  model.vocab = 96;
  model.positions = Positions::rotary;
  model.final_norm = NormKind::rms;
  model.set_layers({layer, layer});
  return model;
}

std::vector<std::pair<std::string, ModelSpec>> small_models() {
  std::vector<std::pair<std::string, ModelSpec>> models;
  const auto add = [&models](const char* name, const auto& change) {
    LayerKind layer = small_layer();
    change(layer);
    models.emplace_back(name, small_model(layer));
  };
  add("biases",
      [](LayerKind& k) { k.attention.qkv_bias = k.attention.output_bias = k.feed_forward.bias = true; });
  add("relu", [](LayerKind& k) { k.feed_forward.activation = Activation::relu; });
  add("geglu", [](LayerKind& k) { k.feed_forward.activation = Activation::geglu; });
  add("query-key norm of heads", [](LayerKind& k) { k.attention.query_key_norm = QueryKeyNorm::head; });
  add("query-key norm without gains",
      [](LayerKind& k) { k.attention.query_key_norm = QueryKeyNorm::head_unscaled; });
  add("norm after", [](LayerKind& k) { k.norm_place = NormPlace::after; });
  add("norms on both sides", [](LayerKind& k) { k.norm_place = NormPlace::both; });
  add("norm after the residual", [](LayerKind& k) { k.norm_place = NormPlace::after_residual; });
  add("parallel branches", [](LayerKind& k) { k.branches = Branches::parallel; });
  add("parallel branches with one norm", [](LayerKind& k) { k.branches = Branches::parallel_one_norm; });
  add("window", [](LayerKind& k) { k.attention.window = 8; });
  add("chunks", [](LayerKind& k) { k.attention.chunk = 8; });
  add("soft cap", [](LayerKind& k) { k.attention.soft_cap = 50; });
  add("wide values", [](LayerKind& k) { k.attention.value_width = 16; });
  const auto latent = [](LayerKind& k) {
    k.attention = {.heads = 8,
                   .kv_heads = 8,
                   .head_width = 12,
                   .value_width = 8,
                   .latent = {.query_rank = 24, .kv_rank = 16, .rope_width = 4}};
  };
  add("latent attention", latent);
  add("latent attention without a query rank", [&latent](LayerKind& k) {
    latent(k);
    k.attention.latent.query_rank = 0;
  });
  add("experts", [](LayerKind& k) { k.feed_forward.experts = {.count = 8, .top_k = 2}; });
  add("experts with biases", [](LayerKind& k) {
    k.feed_forward.bias = true;
    k.feed_forward.experts = {.count = 8, .top_k = 2, .router_bias = true};
  });
  add("shared experts", [](LayerKind& k) {
    k.feed_forward.experts = {.count = 8, .top_k = 2, .shared_width = 128, .shared_gate = true};
  });
  models.emplace_back("norm of embeddings", small_model(small_layer()));
  models.back().second.embedding_norm = NormKind::layer;
  models.emplace_back("soft cap of logits", small_model(small_layer()));
  models.back().second.logit_soft_cap = 30;
  models.emplace_back("no rotation", small_model(small_layer()));
  models.back().second.positions = Positions::none;
  return models;
}

}  // namespace paraplan
