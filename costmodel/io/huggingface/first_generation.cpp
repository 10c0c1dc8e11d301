// Architectures with LayerNorm, a plain feed-forward block and biases: before Llama.
#include <fmt/format.h>

#include "costmodel/io/huggingface/architectures.h"

namespace paraplan {
namespace {

struct Sizes {
  int64_t layers = 0, heads = 0, width = 0;
};

// A layer with LayerNorm and every bias, `layers` times.
Imported uniform(ConfigReader& c, ModelSpec model, const Sizes& sizes, const char* heads_key) {
  if (model.hidden % sizes.heads != 0)
    c.fail(heads_key, fmt::format("must divide the hidden size {}, is {}", model.hidden, sizes.heads));
  LayerKind layer;
  layer.attention = {.heads = sizes.heads,
                     .kv_heads = sizes.heads,
                     .head_width = model.hidden / sizes.heads,
                     .qkv_bias = true,
                     .output_bias = true};
  layer.feed_forward = {.width = sizes.width, .bias = true};
  if (model.attention_dropout == model.dropout) model.attention_dropout.reset();
  return {std::move(model), std::vector<LayerKind>(static_cast<size_t>(sizes.layers), layer)};
}

void set_all(Imported& imported, const auto& change) {
  for (LayerKind& layer : imported.layers) change(layer);
}

}  // namespace

Imported import_gpt2(ConfigReader& c) {
  ModelSpec model;
  model.hidden = c.size({"n_embd", "hidden_size"});
  model.vocab = c.size("vocab_size");
  model.max_positions = c.size({"n_positions", "max_position_embeddings"});
  model.tied_embeddings = c.flag("tie_word_embeddings", true);
  model.dropout = c.share("resid_pdrop", 0.1);
  model.attention_dropout = c.share("attn_pdrop", 0.1);
  const Sizes sizes{layer_count(c, c.size({"n_layer", "num_hidden_layers"}), "n_layer"),
                    c.size({"n_head", "num_attention_heads"}), c.size("n_inner", 4 * model.hidden)};
  if (c.share("embd_pdrop", 0.1) != model.dropout)
    c.fail("embd_pdrop", fmt::format("must be resid_pdrop = {}: {}", model.dropout, kNotSupported));
  const Activation activation = plain_activation(c, "activation_function", "gelu_new");
  c.must_be("reorder_and_upcast_attn", false, false, kNotSupported);
  c.ignore({"n_ctx", "layer_norm_epsilon", "scale_attn_weights", "scale_attn_by_inverse_layer_idx",
            "summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type",
            "summary_use_proj"});
  Imported imported = uniform(c, std::move(model), sizes, "n_head");
  set_all(imported, [&](LayerKind& layer) { layer.feed_forward.activation = activation; });
  return imported;
}

Imported import_gpt_neox(ConfigReader& c) {
  ModelSpec model;
  model.hidden = c.size("hidden_size");
  model.vocab = c.size("vocab_size");
  model.positions = Positions::rotary;
  model.tied_embeddings = c.flag("tie_word_embeddings", false);
  model.dropout = c.share("hidden_dropout", 0);
  model.attention_dropout = c.share("attention_dropout", 0);
  const Sizes sizes{layer_count(c, c.size("num_hidden_layers"), "num_hidden_layers"),
                    c.size("num_attention_heads"), c.size("intermediate_size")};
  const Activation activation = plain_activation(c, "hidden_act", "gelu");
  const double rotary_share = c.number(c.has("rotary_pct") ? "rotary_pct" : "partial_rotary_factor", 0.25);
  if (rotary_share > 1)
    c.fail("rotary_pct", fmt::format("must be a number from 0 to 1, is {}", rotary_share));
  const bool parallel = c.flag("use_parallel_residual", true), bias = c.flag("attention_bias", true);
  // The classes do not read the dropout of BERT's keys.
  c.ignore({"attention_probs_dropout_prob", "hidden_dropout_prob", "max_position_embeddings",
            "rotary_emb_base", "partial_rotary_factor", "rope_theta", "rope_scaling", "layer_norm_eps",
            "classifier_dropout"});
  Imported imported = uniform(c, std::move(model), sizes, "num_attention_heads");
  set_all(imported, [&](LayerKind& layer) {
    layer.attention.rotary_share = rotary_share;
    layer.feed_forward.activation = activation;
    if (parallel) layer.branches = Branches::parallel;
  });
  set_attention_biases(imported, bias, bias);
  return imported;
}

Imported import_bert(ConfigReader& c) {
  ModelSpec model;
  model.hidden = c.size("hidden_size");
  model.vocab = c.size("vocab_size");
  model.max_positions = c.size("max_position_embeddings");
  model.task = TrainingTask::masked_tokens;
  model.tied_embeddings = c.flag("tie_word_embeddings", true);
  model.embedding_norm = NormKind::layer;
  model.final_norm = NormKind::none;
  model.dropout = c.share("hidden_dropout_prob", 0.1);
  model.attention_dropout = c.share("attention_probs_dropout_prob", 0.1);
  const Sizes sizes{layer_count(c, c.size("num_hidden_layers"), "num_hidden_layers"),
                    c.size("num_attention_heads"), c.size("intermediate_size")};
  const Activation activation = plain_activation(c, "hidden_act", "gelu");
  if (c.size("type_vocab_size", 2) != 2)
    c.fail("type_vocab_size", fmt::format("must be 2: {}", kNotSupported));
  c.must_be_word("position_embedding_type", "absolute", kNotSupported);
  c.must_be("is_decoder", false, false, kNotSupported);
  c.ignore({"layer_norm_eps", "classifier_dropout"});
  Imported imported = uniform(c, std::move(model), sizes, "num_attention_heads");
  set_all(imported, [&](LayerKind& layer) {
    layer.norm_place = NormPlace::after_residual;
    layer.attention.causal = false;
    layer.feed_forward.activation = activation;
  });
  return imported;
}

Imported import_opt(ConfigReader& c) {
  ModelSpec model;
  model.hidden = c.size("hidden_size");
  model.vocab = c.size("vocab_size");
  model.max_positions = c.size("max_position_embeddings") + 2;  // the first two rows stand for padding
  model.tied_embeddings = c.flag("tie_word_embeddings", true);
  model.dropout = c.share("dropout", 0.1);
  model.attention_dropout = c.share("attention_dropout", 0);
  const Sizes sizes{layer_count(c, c.size("num_hidden_layers"), "num_hidden_layers"),
                    c.size("num_attention_heads"), c.size("ffn_dim")};
  const Activation activation = plain_activation(c, "activation_function", "relu");
  if (c.size("word_embed_proj_dim", model.hidden) != model.hidden)
    c.fail("word_embed_proj_dim", fmt::format("must be hidden_size = {}: {}", model.hidden, kNotSupported));
  c.must_be("do_layer_norm_before", true, true, kNotSupported);
  c.must_be("enable_bias", true, true, kNotSupported);
  c.must_be("layer_norm_elementwise_affine", true, true, kNotSupported);
  c.must_be("_remove_final_layer_norm", false, false, kNotSupported);
  if (c.number("layerdrop", 0) != 0) c.fail("layerdrop", fmt::format("must be 0: {}", kNotSupported));
  c.ignore({"activation_dropout", "init_std", "prefix"});
  Imported imported = uniform(c, std::move(model), sizes, "num_attention_heads");
  set_all(imported, [&](LayerKind& layer) { layer.feed_forward.activation = activation; });
  return imported;
}

Imported import_bloom(ConfigReader& c) {
  ModelSpec model;
  model.hidden = c.size({"hidden_size", "n_embed"});
  model.vocab = c.size("vocab_size");
  model.positions = Positions::alibi;
  model.embedding_norm = NormKind::layer;
  model.tied_embeddings = c.flag("tie_word_embeddings", true);
  model.dropout = c.share("hidden_dropout", 0);
  model.attention_dropout = c.share("attention_dropout", 0);
  const Sizes sizes{layer_count(c, c.size({"n_layer", "num_hidden_layers"}), "n_layer"),
                    c.size({"n_head", "num_attention_heads"}), 4 * model.hidden};
  c.must_be("apply_residual_connection_post_layernorm", false, false, kNotSupported);
  // The rest says how Megatron computes the same.
  c.ignore({"layer_norm_epsilon", "slow_but_exact", "seq_length", "masked_softmax_fusion", "offset_alibi",
            "skip_bias_add", "skip_bias_add_qkv", "bias_dropout_fusion", "attention_softmax_in_fp32",
            "n_inner"});
  return uniform(c, std::move(model), sizes, "n_head");
}

Imported import_falcon(ConfigReader& c) {
  ModelSpec model;
  model.hidden = c.size("hidden_size");
  model.vocab = c.size("vocab_size");
  model.positions = c.flag("alibi", false) ? Positions::alibi : Positions::rotary;
  model.tied_embeddings = c.flag("tie_word_embeddings", true);
  model.dropout = c.share("hidden_dropout", 0);
  model.attention_dropout = c.share("attention_dropout", 0);
  const Sizes sizes{layer_count(c, c.size({"num_hidden_layers", "n_layer"}), "num_hidden_layers"),
                    c.size({"num_attention_heads", "n_head"}), c.size("ffn_hidden_size", 4 * model.hidden)};
  const Activation activation = plain_activation(c, "activation", "gelu");
  const bool bias = c.flag("bias", false), parallel = c.flag("parallel_attn", true);
  const bool new_decoder = c.flag("new_decoder_architecture", false),
             multi_query = c.flag("multi_query", true);
  const int64_t grouped = c.find_size({"num_kv_heads", "n_head_kv"}).value_or(sizes.heads);
  const int64_t norms = c.size("num_ln_in_parallel_attn", new_decoder ? 2 : 1);
  if (sizes.heads % grouped != 0)
    c.fail("num_kv_heads", fmt::format("must divide num_attention_heads = {}, is {}", sizes.heads, grouped));
  if (new_decoder && !parallel) c.fail("parallel_attn", fmt::format("must be true: {}", kNotSupported));
  if (norms > 2 || (norms == 2 && !new_decoder))
    c.fail("num_ln_in_parallel_attn", "must be 1, or 2 with new_decoder_architecture");
  c.ignore({"layer_norm_epsilon", "max_position_embeddings", "rope_theta", "rope_scaling"});
  Imported imported = uniform(c, std::move(model), sizes, "num_attention_heads");
  set_all(imported, [&](LayerKind& layer) {
    layer.attention.kv_heads = new_decoder ? grouped : multi_query ? 1 : sizes.heads;
    layer.feed_forward.activation = activation;
    layer.feed_forward.bias = bias;
    if (parallel) layer.branches = norms == 2 ? Branches::parallel : Branches::parallel_one_norm;
  });
  set_attention_biases(imported, bias, bias);
  return imported;
}

}  // namespace paraplan
