#include "planner/export/writers/megatron_settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "costmodel/model/family.h"

namespace paraplan {
namespace {

using Settings = std::vector<Setting>;

void add(Settings& settings, const char* name, int64_t value) {
  settings.push_back({name, fmt::format("{}", value)});
}

void add_switch(Settings& settings, const char* name, bool value) {
  settings.push_back({name, value ? "true" : "false"});
}

void add_degrees(const Launch& launch, Settings& settings) {
  const Layout& layout = launch.layout;
  add(settings, "tensor_model_parallel_size", layout.tensor);
  add(settings, "pipeline_model_parallel_size", layout.pipeline);
  if (layout.context > 1) add(settings, "context_parallel_size", layout.context);
  if (layout.sequence_parallel) add_switch(settings, "sequence_parallel", true);
  const std::vector<int64_t>& layers = launch.chunk_layers;
  if (std::ranges::min(layers) != std::ranges::max(layers))
    settings.push_back({"pipeline_model_parallel_layout", megatron_stages(layers)});
  else if (layout.virtual_stages > 1)
    add(settings, "virtual_pipeline_model_parallel_size", layout.virtual_stages);
}

void add_recompute(const Layout& layout, Settings& settings) {
  if (layout.recompute == Recompute::none) return;
  const bool selective = layout.recompute == Recompute::selective;
  settings.push_back({"recompute_granularity", selective ? "selective" : "full"});
  if (selective) return;
  const bool all = layout.recompute == Recompute::full;
  settings.push_back({"recompute_method", all ? "uniform" : "block"});
  // Megatron counts the layers of one model chunk.
  const int64_t chunks = layout.virtual_stages;
  add(settings, "recompute_num_layers", all ? 1 : (layout.recompute_layers + chunks - 1) / chunks);
}

void add_sharding(const Launch& launch, Settings& settings) {
  const Layout& layout = launch.layout;
  if (layout.zero_stage >= 1) add_switch(settings, "use_distributed_optimizer", true);
  if (layout.zero_stage >= 2) {
    add_switch(settings, "use_megatron_fsdp", true);
    settings.push_back(
        {"data_parallel_sharding_strategy", layout.zero_stage == 2 ? "optim_grads" : "optim_grads_params"});
    settings.push_back({"ckpt_format", "fsdp_dtensor"});
  }
  if (launch.overlaps_reduction) add_switch(settings, "overlap_grad_reduce", true);
  if (layout.offload == Offload::none) return;
  add_switch(settings, "optimizer_cpu_offload", true);
  settings.push_back({"optimizer_offload_fraction", "1.0"});
  add_switch(settings, "use_precision_aware_optimizer", true);
}

void add_kernels(const Launch& launch, Settings& settings) {
  const Fusion& fusion = launch.fusion;
  settings.push_back({"attention_backend", fusion.flash_attention ? "flash" : "unfused"});
  if (!fusion.softmax) add_switch(settings, "masked_softmax_fusion", false);
  const bool gated = launch.model.kinds.front().feed_forward.gated();
  if (gated ? !fusion.gated_activation : !fusion.bias_gelu)
    add_switch(settings, gated ? "bias_swiglu_fusion" : "bias_gelu_fusion", false);
  if (!fusion.bias_dropout_add) add_switch(settings, "bias_dropout_fusion", false);
  if (launch.model.positions == Positions::rotary && !fusion.rotary)
    add_switch(settings, "apply_rope_fusion", false);
  if (fusion.cross_entropy) add_switch(settings, "cross_entropy_loss_fusion", true);
  if (!fusion.gradient_accumulation) add_switch(settings, "gradient_accumulation_fusion", false);
  // Megatron overlaps the collectives of sequence parallelism alone.
  if (launch.overlaps_tensor && launch.layout.sequence_parallel)
    add_switch(settings, "tp_comm_overlap", true);
}

}  // namespace

std::string shell_word(const std::string& value) {
  return value.find_first_of("|*") == std::string::npos ? value : "\"" + value + "\"";
}

std::string megatron_stages(const std::vector<int64_t>& layers) {
  std::string text = "E";
  for (size_t i = 0; i < layers.size(); ++i) text += fmt::format("{}t*{}", i == 0 ? "" : "|", layers[i]);
  return text + "L";
}

Settings megatron_layout(const Launch& launch) {
  Settings settings;
  add_degrees(launch, settings);
  add(settings, "micro_batch_size", launch.layout.micro_batch);
  add(settings, "global_batch_size", launch.global_batch);
  add_recompute(launch.layout, settings);
  add_sharding(launch, settings);
  add_kernels(launch, settings);
  if (launch.precision != Precision::fp32) add_switch(settings, to_string(launch.precision), true);
  return settings;
}

Settings megatron_model(const Launch& launch) {
  const Family family = family_of(launch);
  const ModelSpec& model = launch.model;
  const LayerKind& layer = model.kinds.front();
  Settings settings;
  add(settings, "num_layers", model.layers());
  add(settings, "hidden_size", model.hidden);
  add(settings, "ffn_hidden_size", layer.feed_forward.width);
  add(settings, "num_attention_heads", layer.attention.heads);
  if (layer.attention.kv_heads != layer.attention.heads) {
    add_switch(settings, "group_query_attention", true);
    add(settings, "num_query_groups", layer.attention.kv_heads);
  }
  if (layer.attention.head_width * layer.attention.heads != model.hidden)
    add(settings, "kv_channels", layer.attention.head_width);
  add(settings, "seq_length", launch.seq_length);
  const bool learned = model.positions == Positions::learned;
  add(settings, "max_position_embeddings", model.max_positions > 0 ? model.max_positions : launch.seq_length);
  settings.push_back({"position_embedding_type", learned ? "learned_absolute" : "rope"});
  add(settings, "vocab_size", model.vocab);
  settings.push_back({"hidden_dropout", fmt::format("{}", model.dropout)});
  settings.push_back({"attention_dropout", fmt::format("{}", model.dropout)});
  if (!model.tied_embeddings) add_switch(settings, "untie_embeddings_and_output_weights", true);
  if (family != Family::llama) return settings;
  settings.push_back({"normalization", "RMSNorm"});
  add_switch(settings, "swiglu", true);
  add_switch(settings, "disable_bias_linear", true);
  if (layer.attention.qkv_bias) add_switch(settings, "add_qkv_bias", true);
  return settings;
}

Settings megatron_environment(const Launch& launch) {
  const bool model_parallel = launch.layout.tensor > 1 || launch.layout.context > 1;
  const bool fsdp = launch.layout.zero_stage >= 2;
  if (!model_parallel || fsdp) return {};
  return {{"CUDA_DEVICE_MAX_CONNECTIONS", "1"}};
}

}  // namespace paraplan
