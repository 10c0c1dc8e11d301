#include "planner/export/writers/hf_config.h"

#include <nlohmann/json.hpp>

#include "costmodel/io/files/file_kind.h"
#include "costmodel/model/family.h"

namespace paraplan {
namespace {

int64_t positions(const Launch& launch) {
  return launch.model.max_positions > 0 ? launch.model.max_positions : launch.seq_length;
}

bool has_qkv_bias(const Launch& launch) {
  return launch.model.kinds.front().attention.qkv_bias;
}

nlohmann::ordered_json llama(const Launch& launch) {
  const ModelSpec& model = launch.model;
  const LayerKind& layer = model.kinds.front();
  const bool qwen = has_qkv_bias(launch);
  return {{"architectures", {qwen ? "Qwen2ForCausalLM" : "LlamaForCausalLM"}},
          {"model_type", qwen ? "qwen2" : "llama"},
          {"hidden_size", model.hidden},
          {"intermediate_size", layer.feed_forward.width},
          {"num_hidden_layers", model.layers()},
          {"num_attention_heads", layer.attention.heads},
          {"num_key_value_heads", layer.attention.kv_heads},
          {"head_dim", layer.attention.head_width},
          {"hidden_act", "silu"},
          {"attention_dropout", model.dropout}};
}

nlohmann::ordered_json gpt2(const Launch& launch) {
  const ModelSpec& model = launch.model;
  const LayerKind& layer = model.kinds.front();
  return {{"architectures", {"GPT2LMHeadModel"}},
          {"model_type", "gpt2"},
          {"n_embd", model.hidden},
          {"n_inner", layer.feed_forward.width},
          {"n_layer", model.layers()},
          {"n_head", layer.attention.heads},
          {"n_positions", positions(launch)},
          {"activation_function", "gelu_new"},
          {"resid_pdrop", model.dropout},
          {"embd_pdrop", model.dropout},
          {"attn_pdrop", model.dropout}};
}

nlohmann::ordered_json bert(const Launch& launch) {
  const ModelSpec& model = launch.model;
  const LayerKind& layer = model.kinds.front();
  return {{"architectures", {"BertForPreTraining"}},
          {"model_type", "bert"},
          {"hidden_size", model.hidden},
          {"intermediate_size", layer.feed_forward.width},
          {"num_hidden_layers", model.layers()},
          {"num_attention_heads", layer.attention.heads},
          {"hidden_act", "gelu"},
          {"hidden_dropout_prob", model.dropout},
          {"attention_probs_dropout_prob", model.dropout}};
}

}  // namespace

std::string hf_config(const Launch& launch) {
  const Family family = family_of(launch);
  nlohmann::ordered_json config = family == Family::gpt    ? gpt2(launch)
                                  : family == Family::bert ? bert(launch)
                                                           : llama(launch);
  if (family != Family::gpt) config["max_position_embeddings"] = positions(launch);
  config["vocab_size"] = launch.model.vocab;
  config["tie_word_embeddings"] = launch.model.tied_embeddings;
  config["_name_or_path"] = kLaunchMark;
  return config.dump(2) + "\n";
}

const char* hf_layer_class(const Launch& launch) {
  const Family family = family_of(launch);
  if (family == Family::gpt) return "GPT2Block";
  if (family == Family::bert) return "BertLayer";
  return has_qkv_bias(launch) ? "Qwen2DecoderLayer" : "LlamaDecoderLayer";
}

}  // namespace paraplan
