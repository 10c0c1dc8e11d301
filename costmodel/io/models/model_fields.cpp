#include "costmodel/io/models/model_fields.h"

#include <fmt/format.h>

#include <algorithm>

#include "costmodel/io/text/text.h"

namespace paraplan {
namespace {

constexpr IntegerRange kPositive{1, kMaxSize};
constexpr IntegerRange kOrNone{0, kMaxSize};
constexpr IntegerRange kFewLayers{0, 1024};
constexpr Range kShare{0, 1, false};
constexpr Range kBelowOne{0, 0.99, false};
constexpr Range kCap{0, 1e6, false};

struct KeyOf {
  template <class Field>
  std::string operator()(const Field& field) const {
    return field.key;
  }
};

struct TextOf {
  std::string operator()(const IntegerField& field) const { return fmt::format("{}", *field.value); }
  std::string operator()(const NumberField& field) const { return float_text(*field.value); }
  std::string operator()(const OptionalNumberField& field) const {
    return *field.value ? float_text(**field.value) : "";
  }
  std::string operator()(const SwitchField& field) const { return *field.value ? "true" : "false"; }
  std::string operator()(const WordField& field) const { return quoted(field.get()); }
};

struct Read {
  TomlReader& reader;
  const std::string& prefix;

  void operator()(const IntegerField& field) const {
    const std::string key = prefix + field.key;
    if (field.required) {
      *field.value = reader.integer(key, field.range);
    } else {
      *field.value = reader.find_integer(key, field.range).value_or(*field.value);
    }
  }
  void operator()(const NumberField& field) const {
    *field.value = reader.find_number(prefix + field.key, field.range).value_or(*field.value);
  }
  void operator()(const OptionalNumberField& field) const {
    *field.value = reader.find_number(prefix + field.key, field.range);
  }
  void operator()(const SwitchField& field) const {
    *field.value = reader.find_flag(prefix + field.key).value_or(*field.value);
  }
  void operator()(const WordField& field) const {
    const std::optional<std::string> text = reader.find_text(prefix + field.key);
    if (text && !field.set(*text)) reader.fail_word(prefix + field.key, *text, field.words);
  }
};

bool is_required(const ModelField& field) {
  const auto* integer = std::get_if<IntegerField>(&field);
  return integer && integer->required;
}

// Both lists are of the same type's fields.
std::vector<FieldText> texts_beside(const std::vector<ModelField>& fields,
                                    const std::vector<ModelField>& defaults) {
  std::vector<FieldText> texts;
  for (size_t i = 0; i < fields.size(); ++i) {
    FieldText text{std::visit(KeyOf{}, fields[i]), std::visit(TextOf{}, fields[i])};
    if (is_required(fields[i]) || text.value != std::visit(TextOf{}, defaults[i]))
      texts.push_back(std::move(text));
  }
  return texts;
}

// What a family's preset sets, and which words it has there; no words: any value.
struct FamilyKey {
  const char* key;
  std::vector<std::string> words = {};
};

const std::vector<FamilyKey>& family_keys() {
  static const std::vector<FamilyKey> keys = {{"hidden"},
                                              {"vocab"},
                                              {"positions", {"\"learned\"", "\"rotary\""}},
                                              {"max_positions"},
                                              {"final_norm", {"\"layer\"", "\"rms\""}},
                                              {"task"},
                                              {"tied_embeddings"},
                                              {"dropout"},
                                              {"norm", {"\"layer\"", "\"rms\""}},
                                              {"attention.heads"},
                                              {"attention.kv_heads"},
                                              {"attention.head_width"},
                                              {"attention.qkv_bias"},
                                              {"attention.output_bias"},
                                              {"attention.causal"},
                                              {"feed_forward.width"},
                                              {"feed_forward.activation", {"\"gelu\"", "\"swiglu\""}},
                                              {"feed_forward.bias"}};
  return keys;
}

std::vector<FieldText> beyond_families(std::vector<FieldText> texts) {
  std::erase_if(texts, [](const FieldText& text) {
    const auto found = std::ranges::find(family_keys(), text.key, &FamilyKey::key);
    if (found == family_keys().end()) return false;
    return found->words.empty() || std::ranges::find(found->words, text.value) != found->words.end();
  });
  return texts;
}

}  // namespace

std::vector<ModelField> model_fields(ModelSpec& m) {
  return {IntegerField{"hidden", &m.hidden, kPositive, true},
          IntegerField{"vocab", &m.vocab, kPositive, true},
          word_field("positions", m.positions),
          IntegerField{"max_positions", &m.max_positions, kOrNone},
          word_field("embedding_norm", m.embedding_norm),
          word_field("final_norm", m.final_norm),
          word_field("task", m.task),
          SwitchField{"tied_embeddings", &m.tied_embeddings},
          NumberField{"logit_soft_cap", &m.logit_soft_cap, kCap},
          IntegerField{"prediction_layers", &m.prediction_layers, kFewLayers},
          NumberField{"dropout", &m.dropout, kBelowOne},
          OptionalNumberField{"attention_dropout", &m.attention_dropout, kBelowOne}};
}

std::vector<ModelField> layer_fields(LayerKind& kind) {
  Attention& a = kind.attention;
  FeedForward& f = kind.feed_forward;
  Experts& x = f.experts;
  return {word_field("norm", kind.norm),
          word_field("norm_place", kind.norm_place),
          word_field("branches", kind.branches),
          IntegerField{"attention.heads", &a.heads, kPositive, true},
          IntegerField{"attention.kv_heads", &a.kv_heads, kPositive},
          IntegerField{"attention.head_width", &a.head_width, kPositive, true},
          IntegerField{"attention.value_width", &a.value_width, kOrNone},
          IntegerField{"attention.query_rank", &a.latent.query_rank, kOrNone},
          IntegerField{"attention.kv_rank", &a.latent.kv_rank, kOrNone},
          IntegerField{"attention.rope_width", &a.latent.rope_width, kOrNone},
          SwitchField{"attention.qkv_bias", &a.qkv_bias},
          SwitchField{"attention.output_bias", &a.output_bias},
          NumberField{"attention.rotary_share", &a.rotary_share, kShare},
          IntegerField{"attention.window", &a.window, kOrNone},
          IntegerField{"attention.chunk", &a.chunk, kOrNone},
          NumberField{"attention.soft_cap", &a.soft_cap, kCap},
          word_field("attention.query_key_norm", a.query_key_norm),
          SwitchField{"attention.sinks", &a.sinks},
          SwitchField{"attention.causal", &a.causal},
          IntegerField{"feed_forward.width", &f.width, kPositive, true},
          word_field("feed_forward.activation", f.activation),
          SwitchField{"feed_forward.bias", &f.bias},
          IntegerField{"experts.count", &x.count, kOrNone},
          IntegerField{"experts.top_k", &x.top_k, kOrNone},
          IntegerField{"experts.shared_width", &x.shared_width, kOrNone},
          SwitchField{"experts.shared_gate", &x.shared_gate},
          word_field("experts.score", x.score),
          SwitchField{"experts.router_bias", &x.router_bias},
          SwitchField{"experts.balancing_bias", &x.balancing_bias},
          IntegerField{"experts.groups", &x.groups, kPositive},
          IntegerField{"experts.top_groups", &x.top_groups, kPositive}};
}

std::vector<FieldText> field_texts(ModelSpec model) {
  ModelSpec defaults;
  return texts_beside(model_fields(model), model_fields(defaults));
}

std::vector<FieldText> field_texts(LayerKind kind) {
  LayerKind defaults;
  return texts_beside(layer_fields(kind), layer_fields(defaults));
}

std::vector<FieldText> texts_beyond_families(const ModelSpec& model) {
  return beyond_families(field_texts(model));
}

std::vector<FieldText> texts_beyond_families(const LayerKind& kind) {
  return beyond_families(field_texts(kind));
}

void read_field(TomlReader& reader, const std::string& prefix, const ModelField& field) {
  std::visit(Read{reader, prefix}, field);
}

}  // namespace paraplan
