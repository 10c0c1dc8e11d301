#include <fmt/format.h>

#include "costmodel/io/files/file_kind.h"
#include "costmodel/model/family.h"
#include "planner/export/writers/hf_config.h"
#include "planner/export/writers/python_text.h"
#include "planner/export/writers/writers.h"

namespace paraplan {
namespace {

// A data parallel group alone, whose ranks hold everything.
bool is_plain(const Layout& layout) {
  return layout.zero_stage == 0 && layout.data > 1 && layout.devices() == layout.data;
}

std::string pipeline_text(const Launch& launch) {
  const Layout& layout = launch.layout;
  if (layout.pipeline == 1) return "";
  const bool gpt = family_of(launch) == Family::gpt;
  const ModuleNames llama{"model.embed_tokens", "model.", "model.norm", "lm_head"},
      gpt2{"transformer.wte", "transformer.", "transformer.ln_f", "lm_head"};
  return fmt::format(
      "  pipeline:\n"
      "    pp_schedule: {}\n"
      "    pp_microbatch_size: {}\n"
      "    pp_batch_size: {}\n"
      "    module_fqns_per_model_part: {}\n",
      torch_schedule(layout), layout.micro_batch, launch.global_batch / layout.data,
      modules_of_stages(launch.chunk_layers, gpt ? gpt2 : llama, "    "));
}

std::string precision_text(const Launch& launch) {
  if (launch.precision == Precision::bf16) return "";
  return "  mp_policy:\n"
         "    _target_: torch.distributed.fsdp.MixedPrecisionPolicy\n"
         "    param_dtype: float32\n"
         "    reduce_dtype: float32\n";
}

std::string distributed_text(const Launch& launch) {
  const Layout& layout = launch.layout;
  const bool plain = is_plain(layout);
  std::string text = fmt::format(
      "distributed:\n"
      "  strategy: {}\n"
      "  dp_size: {}\n"
      "  tp_size: {}\n"
      "  pp_size: {}\n"
      "  cp_size: {}\n"
      "  activation_checkpointing: {}\n",
      plain ? "ddp" : "fsdp2", layout.data, layout.tensor, layout.pipeline, layout.context,
      yaml(layout.recompute == Recompute::full));
  if (plain) return text;
  text += fmt::format("  sequence_parallel: {}\n  reshard_after_forward: {}\n",
                      yaml(layout.sequence_parallel), yaml(layout.zero_stage == 3));
  if (layout.offload == Offload::optimizer_and_parameters)
    text +=
        "  offload_policy:\n    _target_: torch.distributed.fsdp.CPUOffloadPolicy\n    pin_memory: true\n";
  return text + precision_text(launch) + pipeline_text(launch);
}

std::string automodel_config(const Launch& launch) {
  const Layout& layout = launch.layout;
  const bool pipelined = layout.pipeline > 1;
  return fmt::format(
             "# Written by {}.\n"
             "recipe: TrainFinetuneRecipeForNextTokenPrediction\n\n"
             "step_scheduler:\n"
             "  global_batch_size: {}\n"
             "  local_batch_size: {}\n"
             "  max_steps: 20\n\n"
             "dist_env:\n"
             "  backend: nccl\n"
             "  timeout_minutes: 30\n\n"
             "model:\n"
             "  _target_: nemo_automodel.NeMoAutoModelForCausalLM.from_config\n"
             "  config:\n"
             "    _target_: transformers.AutoConfig.from_pretrained\n"
             "    pretrained_model_name_or_path: model\n"
             "  torch_dtype: float32\n\n",
             kLaunchMark, launch.global_batch,
             pipelined ? launch.global_batch / layout.data : layout.micro_batch) +
         distributed_text(launch) +
         fmt::format(
             "\nloss_fn:\n"
             "  _target_: nemo_automodel.components.loss.masked_ce.MaskedCrossEntropy\n\n"
             "dataset:\n"
             "  _target_: nemo_automodel.components.datasets.llm.mock.build_unpacked_dataset\n"
             "  num_sentences: 1024\n"
             "  mean_len: {0}\n"
             "  max_sentence_len: {0}\n"
             "  vocab_size: {1}\n\n"
             "dataloader:\n"
             "  _target_: torchdata.stateful_dataloader.StatefulDataLoader\n"
             "  collate_fn: nemo_automodel.components.datasets.utils.default_collater\n\n"
             "optimizer:\n"
             "  _target_: torch.optim.AdamW\n"
             "  lr: 1.0e-4\n",
             launch.seq_length, launch.model.vocab);
}

}  // namespace

TargetFiles write_automodel(const Launch& launch) {
  JobCommand job{.program = "-m nemo_automodel.recipes.llm.train_ft",
                 .arguments = {"--config automodel.yaml"}};
  return {{{"model/config.json", hf_config(launch)}, {"automodel.yaml", automodel_config(launch)}},
          job,
          {"Written for nemo-automodel 0.7; the folder model/ holds the model's sizes.",
           "The data set is a mock one: put yours in its place."}};
}

}  // namespace paraplan
