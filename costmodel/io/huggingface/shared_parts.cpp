// Parts that several architectures share.
#include <fmt/format.h>

#include <algorithm>

#include "costmodel/io/huggingface/architectures.h"
#include "costmodel/io/text/suggestion.h"

namespace paraplan {
namespace {

constexpr int64_t kMostLayers = 65536;

bool is_gelu(const std::string& word) {
  const char* const known[] = {"gelu",        "gelu_new",   "gelu_fast",    "gelu_pytorch_tanh",
                               "gelu_python", "quick_gelu", "gelu_accurate"};
  return std::ranges::find(known, word) != std::end(known);
}

}  // namespace

Imported import_rms_decoder(ConfigReader& c, bool tied_when_absent) {
  Imported imported;
  ModelSpec& model = imported.model;
  model.hidden = c.size("hidden_size");
  model.vocab = c.size("vocab_size");
  model.positions = Positions::rotary;
  model.final_norm = NormKind::rms;
  model.tied_embeddings = c.flag("tie_word_embeddings", tied_when_absent);
  model.attention_dropout = c.share("attention_dropout", 0);
  if (model.attention_dropout == model.dropout) model.attention_dropout.reset();
  c.ignore({"max_position_embeddings", "rope_theta", "rope_scaling", "rope_parameters", "rms_norm_eps"});
  LayerKind layer;
  layer.norm = NormKind::rms;
  layer.attention.heads = c.size("num_attention_heads");
  layer.attention.kv_heads = kv_heads(c, layer.attention.heads);
  layer.attention.head_width = head_width(c, model.hidden, layer.attention.heads, "num_attention_heads");
  layer.feed_forward.width = c.size("intermediate_size");
  const char* activation = c.has("hidden_activation") ? "hidden_activation" : "hidden_act";
  layer.feed_forward.activation = gated_activation(c, activation, "silu");
  const int64_t layers = layer_count(c, c.size("num_hidden_layers"), "num_hidden_layers");
  imported.layers.assign(static_cast<size_t>(layers), layer);
  return imported;
}

int64_t layer_count(const ConfigReader& c, int64_t layers, const char* key) {
  if (layers > kMostLayers) c.fail(key, fmt::format("must be at most {}, is {}", kMostLayers, layers));
  return layers;
}

int64_t head_width(ConfigReader& c, int64_t hidden, int64_t heads, const char* heads_key) {
  if (const auto width = c.find_size({"head_dim"})) return *width;
  if (hidden % heads != 0)
    c.fail(heads_key, fmt::format("must divide the hidden size {}, is {}; or give head_dim", hidden, heads));
  return hidden / heads;
}

int64_t kv_heads(ConfigReader& c, int64_t heads) {
  const int64_t count = c.size("num_key_value_heads", heads);
  if (heads % count != 0)
    c.fail("num_key_value_heads", fmt::format("must divide num_attention_heads = {}, is {}", heads, count));
  return count;
}

Activation plain_activation(ConfigReader& c, const char* key, const std::string& absent) {
  const std::string word = c.word(key, absent);
  if (word == "relu") return Activation::relu;
  if (!is_gelu(word))
    c.fail(key, fmt::format("must be \"relu\", \"gelu\" or an approximation of it, is \"{}\"", word));
  return Activation::gelu;
}

Activation gated_activation(ConfigReader& c, const char* key, const std::string& absent) {
  const std::string word = c.word(key, absent);
  if (word == "silu" || word == "swish") return Activation::swiglu;
  if (!is_gelu(word))
    c.fail(key, fmt::format("must be \"silu\", \"gelu\" or an approximation of it, is \"{}\"", word));
  return Activation::geglu;
}

void set_attention_biases(Imported& imported, bool into_heads, bool output) {
  for (LayerKind& layer : imported.layers) {
    layer.attention.qkv_bias = into_heads;
    layer.attention.output_bias = output;
  }
}

std::vector<std::string> layer_types(ConfigReader& c, int64_t layers,
                                     const std::vector<std::string>& when_absent) {
  const std::vector<std::string> types = c.words("layer_types");
  if (types.empty()) return when_absent;
  if (static_cast<int64_t>(types.size()) != layers)
    c.fail("layer_types",
           fmt::format("must have an item for each of the {} layers, has {}", layers, types.size()));
  const std::vector<std::string> known = {"full_attention", "sliding_attention", "chunked_attention"};
  for (const std::string& type : types)
    if (std::ranges::find(known, type) == known.end())
      c.fail("layer_types",
             fmt::format("each item must be one of {}, one is \"{}\"", comma_separated(known), type));
  return types;
}

void set_windows(ConfigReader& c, Imported& imported, const std::vector<std::string>& types, int64_t window) {
  for (size_t i = 0; i < types.size(); ++i) {
    if (types[i] == "chunked_attention")
      c.fail("layer_types", "chunked_attention belongs to model_type llama4_text");
    if (types[i] != "sliding_attention") continue;
    if (window == 0) c.fail("sliding_window", "missing; layers of type sliding_attention need it");
    imported.layers[i].attention.window = window;
  }
}

}  // namespace paraplan
