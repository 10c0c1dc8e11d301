#include <fmt/format.h>

#include <array>

#include "costmodel/io/files/file_kind.h"
#include "planner/export/writers/megatron_settings.h"
#include "planner/export/writers/python_text.h"
#include "planner/export/writers/writers.h"

namespace paraplan {
namespace {

// Parts of ConfigContainer that hold a setting; the others are the model's.
constexpr std::array<std::array<const char*, 2>, 9> kParts = {{
    {"micro_batch_size", "train"},
    {"global_batch_size", "train"},
    {"use_distributed_optimizer", "ddp"},
    {"use_megatron_fsdp", "ddp"},
    {"data_parallel_sharding_strategy", "ddp"},
    {"overlap_grad_reduce", "ddp"},
    {"optimizer_cpu_offload", "optimizer"},
    {"optimizer_offload_fraction", "optimizer"},
    {"use_precision_aware_optimizer", "optimizer"},
}};

std::string part_of(const std::string& name) {
  for (const auto& [setting, part] : kParts)
    if (name == setting) return part;
  return name == "ckpt_format" ? "checkpoint" : "model";
}

std::string precision_recipe(Precision precision) {
  if (precision == Precision::fp32) return "null";
  return fmt::format("{}_mixed", to_string(precision));
}

std::string override_text(const Setting& setting) {
  std::string name = setting.name, value = setting.value;
  if (name == "bias_gelu_fusion" || name == "bias_swiglu_fusion") name = "bias_activation_fusion";
  if (name == "pipeline_model_parallel_layout") return fmt::format("\"model.{}=\\\"{}\\\"\"", name, value);
  return fmt::format("{}.{}={}", part_of(name), name, value);
}

std::vector<std::string> overrides(const Launch& launch) {
  std::vector<std::string> lines;
  for (const Setting& setting : megatron_layout(launch)) {
    if (setting.name == "fp16" || setting.name == "bf16" || setting.name == "tp_comm_overlap") continue;
    lines.push_back(override_text(setting));
  }
  lines.push_back("mixed_precision=" + precision_recipe(launch.precision));
  // The base configuration shards and overlaps; these undo it.
  if (launch.layout.zero_stage == 0) lines.emplace_back("ddp.use_distributed_optimizer=false");
  if (launch.layout.zero_stage == 0) lines.emplace_back("ddp.overlap_param_gather=false");
  if (launch.layout.zero_stage < 2) lines.emplace_back("ddp.data_parallel_sharding_strategy=no_shard");
  if (!launch.overlaps_reduction) lines.emplace_back("ddp.overlap_grad_reduce=false");
  if (!launch.overlaps_reduction && launch.layout.zero_stage > 0)
    lines.emplace_back("ddp.overlap_param_gather=false");
  if (!launch.fusion.cross_entropy) lines.emplace_back("model.cross_entropy_loss_fusion=false");
  return lines;
}

// The arguments of GPTModelProvider, one a line.
std::string provider_arguments(const Launch& launch) {
  const ModelSpec& model = launch.model;
  const LayerKind& layer = model.kinds.front();
  const bool gated = layer.feed_forward.gated(), learned = model.positions == Positions::learned;
  std::string text = fmt::format(
      "        num_layers={},\n        hidden_size={},\n        ffn_hidden_size={},\n        "
      "num_attention_heads={},\n        num_query_groups={},\n        kv_channels={},\n",
      model.layers(), model.hidden, layer.feed_forward.width, layer.attention.heads, layer.attention.kv_heads,
      layer.attention.head_width);
  text += fmt::format(
      "        seq_length={},\n        vocab_size={},\n        should_pad_vocab=True,\n        "
      "position_embedding_type=\"{}\",\n        share_embeddings_and_output_weights={},\n",
      launch.seq_length, model.vocab, learned ? "learned_absolute" : "rope", python(model.tied_embeddings));
  text += fmt::format("        hidden_dropout={0},\n        attention_dropout={0},\n", model.dropout);
  text += fmt::format(
      "        normalization=\"{}\",\n        gated_linear_unit={},\n        "
      "activation_func=F.{},\n        add_bias_linear={},\n        add_qkv_bias={},\n",
      layer.norm == NormKind::rms ? "RMSNorm" : "LayerNorm", python(gated), gated ? "silu" : "gelu",
      python(layer.feed_forward.bias), python(layer.attention.qkv_bias && !layer.feed_forward.bias));
  return text;
}

std::string train_script(const Launch& launch) {
  return fmt::format(
      "\"\"\"Trains {0} with Megatron-Bridge; every argument KEY=VALUE overrides a key of its "
      "ConfigContainer.\n\n"
      "Written by {4} for megatron-bridge 0.6. Data are mock data; put yours into config().\n\"\"\"\n"
      "import sys\n\n"
      "import torch.nn.functional as F\n"
      "from megatron.bridge.models.gpt_provider import GPTModelProvider\n"
      "from megatron.bridge.recipes.common import _pretrain_common\n"
      "from megatron.bridge.training.gpt_step import forward_step\n"
      "from megatron.bridge.training.pretrain import pretrain\n"
      "from megatron.bridge.training.utils.omegaconf_utils import process_config_with_overrides\n\n\n"
      "def config():\n"
      "    cfg = _pretrain_common()\n"
      "    cfg.model = GPTModelProvider(\n{1}    )\n"
      "    cfg.tokenizer.tokenizer_type = \"NullTokenizer\"\n"
      "    cfg.tokenizer.vocab_size = {2}\n"
      "    cfg.tokenizer.use_tokenizer_vocab_size = False\n"
      "    cfg.dataset.seq_length = {3}\n"
      "    cfg.train.train_iters = 20\n"
      "    return cfg\n\n\n"
      "if __name__ == \"__main__\":\n"
      "    pretrain(process_config_with_overrides(config(), cli_overrides=sys.argv[1:]), forward_step)\n",
      launch.model.name, provider_arguments(launch), launch.model.vocab, launch.seq_length, kLaunchMark);
}

}  // namespace

TargetFiles write_megatron_bridge(const Launch& launch) {
  JobCommand job{
      .environment = megatron_environment(launch), .program = "train.py", .arguments = overrides(launch)};
  std::vector<std::string> notes = {
      "Written for megatron-bridge 0.6.",
      "train.py holds the model and mock data; the layout is on the command line."};
  if (launch.overlaps_tensor && launch.layout.sequence_parallel)
    notes.emplace_back("Overlap of tensor-parallel collectives was priced: set comm_overlap in train.py.");
  return {{{"train.py", train_script(launch)}}, job, notes};
}

}  // namespace paraplan
