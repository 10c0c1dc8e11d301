#include "costmodel/io/models/family_model.h"

#include <fmt/format.h>

#include "costmodel/io/text/text.h"
#include "costmodel/model/family.h"

namespace paraplan {
namespace {

constexpr IntegerRange kPositive{1, kMaxSize};

// Dropout of the published GPT-2 and BERT configurations (Radford et al. 2019; Devlin et al. 2019).
constexpr double kGptDropout = 0.1;

void check_heads(const TomlReader& reader, const FamilySizes& model) {
  if (model.head_width == 0 && model.hidden % model.heads != 0) {
    reader.fail("heads",
                fmt::format("must divide hidden = {}, is {}; or give head_width", model.hidden, model.heads));
  }
  if (model.heads % model.kv_heads != 0) {
    reader.fail("kv_heads", fmt::format("must divide heads = {}, is {}", model.heads, model.kv_heads));
  }
}

// The weights of all layers and of the embedding must be countable exactly.
void check_size(const TomlReader& reader, const FamilySizes& model) {
  const auto too_large = [&reader](const char* key, const char* weights) {
    reader.fail(key, fmt::format("the model is too large: {} must be at most 2^53", weights));
  };
  constexpr int64_t kMatrices = 4;  // q, k, v, projection; up, gate and down are fewer
  if (!checked_product({kMatrices, model.layers, model.hidden, model.hidden}))
    too_large("hidden", "4 layers hidden^2");
  if (model.head_width > 0 &&
      !checked_product({kMatrices, model.layers, model.hidden, model.heads, model.head_width}))
    too_large("head_width", "4 layers hidden heads head_width");
  if (!checked_product({kMatrices, model.layers, model.hidden, model.ffn}))
    too_large("ffn", "4 layers hidden ffn");
  if (!checked_product({model.vocab, model.hidden})) too_large("vocab", "vocab hidden");
  if (model.max_positions > 0 && !checked_product({model.max_positions, model.hidden})) {
    too_large("max_positions", "max_positions hidden");
  }
}

}  // namespace

ModelSpec read_family_model(TomlReader& reader) {
  FamilySizes model;
  model.family = reader.word<Family>("family");
  const bool llama = model.family == Family::llama;
  model.layers = reader.integer("layers", kPositive);
  model.hidden = reader.integer("hidden", kPositive);
  model.heads = reader.integer("heads", kPositive);
  model.kv_heads = reader.find_integer("kv_heads", kPositive).value_or(model.heads);
  model.head_width = reader.find_integer("head_width", kPositive).value_or(0);
  const std::optional<int64_t> ffn = reader.find_integer("ffn", kPositive);
  if (!ffn && llama) reader.note_missing("ffn", "the width of one gated half, for family \"llama\"");
  model.ffn = ffn.value_or(4 * model.hidden);
  model.vocab = reader.integer("vocab", kPositive);
  model.max_positions = reader.find_integer("max_positions", kPositive).value_or(0);
  model.tied_embeddings = reader.find_flag("tied_embeddings").value_or(!llama);
  const std::optional<bool> qkv_bias = reader.find_flag("qkv_bias");
  model.qkv_bias = qkv_bias.value_or(false);
  const Range below_one{0, 0.99, false};
  model.dropout = reader.find_number("dropout", below_one).value_or(llama ? 0.0 : kGptDropout);
  reader.find_text("source");
  reader.finish();
  if (qkv_bias && !llama) {
    reader.fail("qkv_bias", fmt::format("belongs to family \"llama\"; \"{}\" always has biases",
                                        to_string(model.family)));
  }
  check_heads(reader, model);
  check_size(reader, model);
  return model_of(model);
}

}  // namespace paraplan
