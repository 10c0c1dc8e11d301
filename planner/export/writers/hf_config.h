#pragma once

#include <string>

#include "planner/export/launch.h"

namespace paraplan {

// The model as Hugging Face's config.json: LlamaForCausalLM, or Qwen2ForCausalLM with biases in qkv,
// GPT2LMHeadModel, BertForPreTraining.
std::string hf_config(const Launch& launch);

// Name of the class of one layer there, which FSDP wraps.
const char* hf_layer_class(const Launch& launch);

}  // namespace paraplan
