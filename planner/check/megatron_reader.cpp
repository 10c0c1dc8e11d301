#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "costmodel/io/text/text.h"
#include "planner/check/readers.h"

namespace paraplan {
namespace {

// Layers of each virtual stage in a string such as "Et*3|(tt|)*2,t|L" of --pipeline-model-parallel-layout.
std::vector<int64_t> layers_in(std::string text) {
  std::erase(text, ',');
  std::string plain;  // with all repetitions written out
  size_t group = std::string::npos;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '(') {
      group = plain.size();
    } else if (text[i] == '*') {
      size_t digits = i + 1;
      while (digits < text.size() && std::isdigit(static_cast<unsigned char>(text[digits])) != 0) ++digits;
      const int64_t times = parse_integer(text.substr(i + 1, digits - i - 1)).value_or(1);
      const bool is_group = i > 0 && text[i - 1] == ')' && group != std::string::npos;
      const std::string repeated = is_group ? plain.substr(group) : plain.substr(plain.size() - 1);
      plain.resize(plain.size() - repeated.size());
      for (int64_t n = 0; n < std::min<int64_t>(times, 4096); ++n) plain += repeated;
      i = digits - 1;
    } else if (text[i] != ')') {
      plain += text[i];
    }
  }
  std::vector<int64_t> layers;
  for (const std::string& stage : split(plain, '|')) layers.push_back(std::ranges::count(stage, 't'));
  return layers;
}

void read_stages(LaunchSettings& settings, LaunchRequest& request) {
  Layout& layout = request.layout;
  if (const auto text = settings.text("pipeline_model_parallel_layout")) {
    layout.stage_layers = layers_in(*text);
    const auto stages = static_cast<int64_t>(layout.stage_layers.size());
    if (stages % layout.pipeline != 0 || std::ranges::min(layout.stage_layers) == 0)
      settings.fail("pipeline_model_parallel_layout",
                    fmt::format("has {} stages; a multiple of pipeline = {} is needed, each with a layer",
                                stages, layout.pipeline));
    layout.virtual_stages = stages / layout.pipeline;
  }
  const auto virtual_stages =
      settings.size_of({"num_virtual_stages_per_pipeline_rank", "virtual_pipeline_model_parallel_size"});
  if (virtual_stages) layout.virtual_stages = *virtual_stages;
  const bool embedding = settings.flag("account_for_embedding_in_pipeline_split").value_or(false);
  const bool loss = settings.flag("account_for_loss_in_pipeline_split").value_or(false);
  if (embedding != loss)
    settings.fail(
        embedding ? "account_for_embedding_in_pipeline_split" : "account_for_loss_in_pipeline_split",
        "is priced only together with its counterpart; give pipeline_model_parallel_layout instead");
  request.stage_balance = loss ? StageBalance::layers_and_ends : StageBalance::layers;
}

// Stages whose sizes only the number of layers tells.
void read_stages_by_layers(LaunchSettings& settings, int64_t layers, Layout& layout) {
  if (const auto chunk = settings.size("num_layers_per_virtual_pipeline_stage"))
    layout.virtual_stages = std::max<int64_t>(1, layers / (layout.pipeline * *chunk));
  const auto first = settings.size("decoder_first_pipeline_num_layers"),
             last = settings.size("decoder_last_pipeline_num_layers");
  if (!first && !last) return;
  const char* key = first ? "decoder_first_pipeline_num_layers" : "decoder_last_pipeline_num_layers";
  const int64_t middle = layout.pipeline - (first ? 1 : 0) - (last ? 1 : 0);
  const int64_t rest = layers - first.value_or(0) - last.value_or(0);
  if (layout.virtual_stages > 1 || middle < 1 || rest < middle || rest % middle != 0)
    settings.fail(key, fmt::format("leaves {} layers for {} stages in the middle", rest, middle));
  layout.stage_layers.assign(static_cast<size_t>(layout.pipeline), rest / middle);
  if (first) layout.stage_layers.front() = *first;
  if (last) layout.stage_layers.back() = *last;
}

void read_recompute(LaunchSettings& settings, Layout& layout) {
  const bool short_form = settings.flag("recompute_activations").value_or(false);
  const std::string granularity =
      settings.text("recompute_granularity").value_or(short_form ? "selective" : "none");
  const std::string method = settings.text("recompute_method").value_or("uniform");
  const int64_t layers = settings.size("recompute_num_layers").value_or(1);
  if (const auto modules = settings.text("recompute_modules"); modules && *modules != "core_attn")
    settings.fail("recompute_modules", "only core_attn is priced");
  if (granularity == "none") return;
  if (granularity == "selective") {
    layout.recompute = Recompute::selective;
  } else if (granularity != "full") {
    settings.fail("recompute_granularity",
                  fmt::format("must be full or selective, is {}", quoted(granularity)));
  } else if (method == "block") {
    layout.recompute = Recompute::layers;
    layout.recompute_layers = layers * layout.virtual_stages;
  } else if (layers == 1) {
    layout.recompute = Recompute::full;
  } else {
    settings.fail("recompute_num_layers",
                  "groups of several layers between checkpoints are not priced; give 1");
  }
}

void read_sharding(LaunchSettings& settings, LaunchRequest& request) {
  Layout& layout = request.layout;
  const bool distributed = settings.flag("use_distributed_optimizer").value_or(false);
  bool fsdp = settings.flag("use_megatron_fsdp").value_or(false);
  fsdp = settings.flag("use_custom_fsdp").value_or(false) || fsdp;
  const bool torch = settings.flag("use_torch_fsdp2").value_or(false);
  const std::string strategy = settings.text("data_parallel_sharding_strategy").value_or("no_shard");
  if (torch) {
    layout.zero_stage = 3;
  } else if (fsdp) {
    const std::vector<std::string> stages = {"no_shard", "optim", "optim_grads", "optim_grads_params"};
    const auto stage = std::ranges::find(stages, strategy);
    if (stage == stages.end())
      settings.fail("data_parallel_sharding_strategy",
                    fmt::format("must be one of {}, is {}", fmt::join(stages, ", "), quoted(strategy)));
    layout.zero_stage = static_cast<int>(stage - stages.begin());
  } else {
    layout.zero_stage = distributed ? 1 : 0;
  }
  request.overlaps_reduction = settings.flag("overlap_grad_reduce").value_or(false);
  if (!settings.flag("optimizer_cpu_offload").value_or(false)) return;
  layout.offload = Offload::optimizer;
  if (settings.number("optimizer_offload_fraction").value_or(1) != 1)
    settings.fail("optimizer_offload_fraction",
                  "a part of the optimizer on the host is not priced; give 1.0");
  settings.flag("use_precision_aware_optimizer");
}

// A switch that one name turns on or off, or another off.
std::optional<bool> read_switch(LaunchSettings& settings, const char* name, const char* off) {
  if (settings.flag(off).value_or(false)) return false;
  return settings.flag(name);
}

void read_kernels(LaunchSettings& settings, LaunchRequest& request) {
  const std::optional<std::string> backend = settings.text("attention_backend");
  if (backend) request.flash_attention = *backend != "unfused" && *backend != "local";
  if (settings.flag("use_flash_attn").value_or(false)) request.flash_attention = true;
  request.softmax = read_switch(settings, "masked_softmax_fusion", "no_masked_softmax_fusion").value_or(true);
  const std::optional<bool> activation = settings.flag("bias_activation_fusion");
  request.bias_gelu =
      read_switch(settings, "bias_gelu_fusion", "no_bias_gelu_fusion").value_or(activation.value_or(true));
  request.gated_activation = read_switch(settings, "bias_swiglu_fusion", "no_bias_swiglu_fusion")
                                 .value_or(activation.value_or(true));
  request.bias_dropout_add =
      read_switch(settings, "bias_dropout_fusion", "no_bias_dropout_fusion").value_or(true);
  request.rotary = read_switch(settings, "apply_rope_fusion", "no_rope_fusion").value_or(true);
  request.cross_entropy = settings.flag("cross_entropy_loss_fusion").value_or(false);
  request.gradient_accumulation =
      read_switch(settings, "gradient_accumulation_fusion", "no_gradient_accumulation_fusion").value_or(true);
  // Without sequence parallelism there is nothing that Megatron could overlap.
  const bool overlap = settings.flag("tp_comm_overlap").value_or(false);
  if (request.layout.sequence_parallel && request.framework != "megatron-bridge")
    request.overlaps_tensor = overlap;
}

void read_precision(LaunchSettings& settings, LaunchRequest& request) {
  request.precision = Precision::fp32;
  if (settings.flag("fp16").value_or(false)) request.precision = Precision::fp16;
  if (settings.flag("bf16").value_or(false)) request.precision = Precision::bf16;
  const std::string word =
      settings.text("torch_dtype").value_or(settings.text("mixed_precision").value_or(""));
  if (word == "float16" || word == "fp16_mixed") request.precision = Precision::fp16;
  if (word == "bfloat16" || word == "bf16_mixed") request.precision = Precision::bf16;
}

void refuse_experts(LaunchSettings& settings) {
  for (const char* name :
       {"expert_model_parallel_size", "expert_tensor_parallel_size", "num_experts", "num_moe_experts",
        "hierarchical_context_parallel_sizes", "fp8", "fp8_format", "fp4"}) {
    const std::optional<std::string> value = settings.text(name);
    if (value && *value != "1") settings.fail(name, "is not priced yet");
  }
}

// What frameworks do unless they are told otherwise.
void set_defaults(LaunchSettings& settings, const LaunchRequest& request) {
  if (request.framework == "ms-swift") {
    for (const auto& [name, value] : {std::pair{"recompute_granularity", "selective"},
                                      {"use_distributed_optimizer", "true"},
                                      {"attention_backend", "flash"},
                                      {"torch_dtype", "bfloat16"},
                                      {"micro_batch_size", "1"},
                                      {"global_batch_size", "16"},
                                      {"cross_entropy_loss_fusion", "true"},
                                      {"data_parallel_sharding_strategy", "optim_grads_params"}})
      settings.set_default(name, value);
  } else if (request.framework == "megatron-bridge") {
    for (const auto& [name, value] : {std::pair{"use_distributed_optimizer", "true"},
                                      {"overlap_grad_reduce", "true"},
                                      {"mixed_precision", "bf16_mixed"},
                                      {"cross_entropy_loss_fusion", "true"}})
      settings.set_default(name, value);
  }
}

}  // namespace

void read_megatron(LaunchSettings& settings, LaunchRequest& request) {
  set_defaults(settings, request);
  refuse_experts(settings);
  Layout& layout = request.layout;
  layout.tensor = settings.size_of({"tensor_model_parallel_size", "model_parallel_size"}).value_or(1);
  layout.pipeline = settings.size("pipeline_model_parallel_size").value_or(1);
  layout.context = settings.size("context_parallel_size").value_or(1);
  layout.sequence_parallel = settings.flag("sequence_parallel").value_or(false) && layout.tensor > 1;
  read_stages(settings, request);
  read_megatron_model(settings, request);
  if (request.model) read_stages_by_layers(settings, request.model->layers(), layout);
  if (layout.virtual_stages > 1) layout.schedule = PipelineSchedule::interleaved;
  request.micro_batch = settings.size("micro_batch_size");
  request.global_batch = settings.size("global_batch_size");
  request.seq_length = settings.size_of({"seq_length", "encoder_seq_length", "max_length"});
  read_recompute(settings, layout);
  read_sharding(settings, request);
  read_kernels(settings, request);
  read_precision(settings, request);
}

}  // namespace paraplan
