#include "costmodel/io/huggingface/import.h"

#include <fmt/format.h>

#include <algorithm>

#include "costmodel/base/input_error.h"
#include "costmodel/io/files/files.h"
#include "costmodel/io/huggingface/architectures.h"
#include "costmodel/io/models/model_fault.h"
#include "costmodel/io/text/suggestion.h"
#include "costmodel/ops/op_key.h"

namespace paraplan {
namespace {

struct Architecture {
  const char* model_type;
  Imported (*import)(ConfigReader&);
};

constexpr Architecture kArchitectures[] = {
    {"bert", import_bert},
    {"bloom", import_bloom},
    {"deepseek_v2", import_deepseek_v2},
    {"deepseek_v3", import_deepseek_v3},
    {"falcon", import_falcon},
    {"gemma2", import_gemma2},
    {"gemma3_text", import_gemma3},
    {"glm4", import_glm4},
    {"gpt2", import_gpt2},
    {"gpt_neox", import_gpt_neox},
    {"gpt_oss", import_gpt_oss},
    {"granite", import_granite},
    {"kimi_k2", import_deepseek_v3},
    {"llama", import_llama},
    {"llama4_text", import_llama4},
    {"mistral", import_mistral},
    {"mixtral", import_mixtral},
    {"olmo2", import_olmo2},
    {"olmoe", import_olmoe},
    {"opt", import_opt},
    {"phi3", import_phi3},
    {"qwen2", import_qwen2},
    {"qwen2_moe", import_qwen2_moe},
    {"qwen3", import_qwen3},
    {"qwen3_moe", import_qwen3_moe},
};

// Keys of every configuration that say how a model is used, stored, initialised or asked for text.
void ignore_common(ConfigReader& c) {
  c.ignore({"_name_or_path",
            "architectures",
            "auto_map",
            "bos_token_id",
            "cache_implementation",
            "chunk_size_feed_forward",
            "decoder_start_token_id",
            "dtype",
            "eos_token_id",
            "finetuning_task",
            "gradient_checkpointing",
            "id2label",
            "initializer_range",
            "is_decoder",
            "is_encoder_decoder",
            "label2id",
            "model_type",
            "output_attentions",
            "output_hidden_states",
            "output_scores",
            "pad_token_id",
            "prefix",
            "pretraining_tp",
            "problem_type",
            "return_dict",
            "return_dict_in_generate",
            "sep_token_id",
            "task_specific_params",
            "tf_legacy_loss",
            "tie_encoder_decoder",
            "tokenizer_class",
            "torch_dtype",
            "torchscript",
            "transformers_version",
            "unk_token_id",
            "use_bfloat16",
            "use_cache"});
  c.ignore({"bad_words_ids",
            "begin_suppress_tokens",
            "diversity_penalty",
            "do_sample",
            "early_stopping",
            "encoder_no_repeat_ngram_size",
            "exponential_decay_length_penalty",
            "forced_bos_token_id",
            "forced_eos_token_id",
            "length_penalty",
            "max_length",
            "min_length",
            "no_repeat_ngram_size",
            "num_beam_groups",
            "num_beams",
            "num_return_sequences",
            "remove_invalid_values",
            "repetition_penalty",
            "suppress_tokens",
            "temperature",
            "top_k",
            "top_p",
            "typical_p"});
}

void refuse_common(ConfigReader& c) {
  c.must_be("add_cross_attention", false, false, "cross attention is not supported");
  c.must_be_absent("cross_attention_hidden_size", "cross attention is not supported");
  c.must_be_empty("pruned_heads", "layers with pruned heads are not supported");
}

const Architecture& architecture_of(ConfigReader& c) {
  for (const char* part : {"text_config", "vision_config"})
    if (c.has(part))
      c.fail(part,
             "the model sees more than text, which is not supported; to plan its language model alone, "
             "save the value of text_config as a file of its own");
  c.must_be_absent(
      "quantization_config",
      "quantised weights are not trained; the model before quantisation is planned without this key");
  const std::string type = c.word("model_type", "");
  const std::vector<std::string> types = huggingface_model_types();
  if (type.empty()) c.fail("model_type", "missing; must be one of " + comma_separated(types));
  const auto* found = std::ranges::find(kArchitectures, type, &Architecture::model_type);
  if (found == std::end(kArchitectures))
    c.fail("model_type", fmt::format("\"{}\" is not known{}; known are {}", type, did_you_mean(type, types),
                                     comma_separated(types)));
  return *found;
}

// "window_experts", where a model has several kinds of layers.
std::string kind_name(const LayerKind& kind) {
  const Attention& a = kind.attention;
  const char* attention = a.window > 0 ? "window" : a.chunk > 0 ? "chunk" : "full";
  return fmt::format("{}_{}", attention, kind.feed_forward.experts.count > 0 ? "experts" : "dense");
}

}  // namespace

bool is_huggingface_config(const std::filesystem::path& path) {
  return path.extension() == ".json" || std::filesystem::is_directory(path);
}

std::vector<std::string> huggingface_model_types() {
  std::vector<std::string> types;
  for (const Architecture& architecture : kArchitectures) types.emplace_back(architecture.model_type);
  return types;
}

std::filesystem::path huggingface_config(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return path;
  const std::filesystem::path file = path / "config.json";
  if (!file_exists(file))
    throw InputError(path.string(), 0, "", "is a folder without a config.json; a model's folder has one");
  return file;
}

ModelSpec import_huggingface(const std::filesystem::path& path) {
  const std::filesystem::path file = huggingface_config(path);
  ConfigReader c(file);
  ignore_common(c);
  refuse_common(c);
  Imported imported = architecture_of(c).import(c);
  c.finish();
  ModelSpec& model = imported.model;
  const bool plain_name = file.stem() == "config" && file.has_parent_path();
  model.name = (plain_name ? file.parent_path().filename() : file.stem()).string();
  model.set_layers(imported.layers);
  if (model.kinds.size() > kMostLayerKinds)
    c.fail("model_type", fmt::format("the layers are of {} kinds; at most {} are supported",
                                     model.kinds.size(), kMostLayerKinds));
  if (model.kinds.size() > 1)
    for (LayerKind& kind : model.kinds) kind.name = kind_name(kind);
  const ModelFault fault = find_fault(model);
  if (!fault.key.empty()) c.fail(fault.key, fault.message);
  return model;
}

}  // namespace paraplan
