#include <fmt/format.h>

#include "costmodel/io/text/text.h"
#include "planner/check/readers.h"

namespace paraplan {
namespace {

Attention read_attention(LaunchSettings& settings, int64_t hidden, bool biases) {
  Attention attention;
  attention.heads = settings.size("num_attention_heads").value_or(0);
  if (attention.heads == 0) settings.fail("num_attention_heads", "missing");
  const bool grouped = settings.flag("group_query_attention").value_or(false);
  const int64_t groups = settings.size("num_query_groups").value_or(attention.heads);
  attention.kv_heads = grouped || settings.has("num_query_groups") ? groups : attention.heads;
  attention.head_width = settings.size("kv_channels").value_or(hidden / attention.heads);
  attention.qkv_bias = settings.flag("add_qkv_bias").value_or(false) || biases;
  attention.output_bias = biases;
  return attention;
}

Positions read_positions(LaunchSettings& settings) {
  const bool old_form = settings.flag("use_rotary_position_embeddings").value_or(false);
  const std::string type =
      settings.text("position_embedding_type").value_or(old_form ? "rope" : "learned_absolute");
  if (type == "rope") return Positions::rotary;
  if (type != "learned_absolute") settings.fail("position_embedding_type", quoted(type) + " is not priced");
  return Positions::learned;
}

double read_dropout(LaunchSettings& settings) {
  const double hidden = settings.number("hidden_dropout").value_or(0.1);
  const double attention = settings.number("attention_dropout").value_or(0.1);
  if (hidden != attention)
    settings.fail("attention_dropout",
                  fmt::format("must be hidden_dropout = {}, is {}: one rate is priced", hidden, attention));
  return hidden;
}

NormKind read_norm(LaunchSettings& settings) {
  const std::string norm = settings.text("normalization").value_or("LayerNorm");
  if (norm == "RMSNorm") return NormKind::rms;
  if (norm != "LayerNorm")
    settings.fail("normalization", fmt::format("must be LayerNorm or RMSNorm, is {}", quoted(norm)));
  return NormKind::layer;
}

}  // namespace

void read_megatron_model(LaunchSettings& settings, LaunchRequest& request) {
  const std::optional<int64_t> layers = settings.size("num_layers"), hidden = settings.size("hidden_size");
  if (!layers || !hidden) return;
  LayerKind layer;
  bool biases = !settings.flag("disable_bias_linear").value_or(false);
  biases = settings.flag("add_bias_linear").value_or(biases);
  layer.attention = read_attention(settings, *hidden, biases);
  bool gated = settings.flag("swiglu").value_or(false);
  gated = settings.flag("gated_linear_unit").value_or(gated);
  // Megatron keeps the weights of a gated block at those of a plain one, in multiples of 64.
  const int64_t usual_width = gated ? *hidden * 8 / 3 / 64 * 64 : 4 * *hidden;
  layer.feed_forward = {.width = settings.size("ffn_hidden_size").value_or(usual_width),
                        .activation = gated ? Activation::swiglu : Activation::gelu,
                        .bias = biases};
  layer.norm = read_norm(settings);
  const bool bert = settings.has("program") && settings.text("program")->find("bert") != std::string::npos;
  layer.attention.causal = !bert;
  ModelSpec model{.name = "launch", .kinds = {layer}, .runs = {{0, *layers}}};
  model.hidden = *hidden;
  model.positions = read_positions(settings);
  model.max_positions = settings.size("max_position_embeddings").value_or(0);
  model.vocab = settings.size("vocab_size").value_or(0);
  model.final_norm = layer.norm;
  model.task = bert ? TrainingTask::masked_tokens : TrainingTask::next_token;
  model.tied_embeddings = !settings.flag("untie_embeddings_and_output_weights").value_or(false);
  model.tied_embeddings =
      settings.flag("share_embeddings_and_output_weights").value_or(model.tied_embeddings);
  model.dropout = read_dropout(settings);
  request.model = model;
}

}  // namespace paraplan
