#include <algorithm>
#include <array>

#include "planner/export/writers/hf_config.h"
#include "planner/export/writers/megatron_settings.h"
#include "planner/export/writers/writers.h"

namespace paraplan {
namespace {

// Precision is torch_dtype there, sharding strategies say how checkpoints are written, and the fusion of an
// activation has one name.
std::vector<Setting> swift_settings(const Launch& launch) {
  std::vector<Setting> settings;
  for (Setting setting : megatron_layout(launch)) {
    if (setting.name == "ckpt_format" || setting.name == "fp16" || setting.name == "bf16") continue;
    if (setting.name == "bias_gelu_fusion" || setting.name == "bias_swiglu_fusion")
      setting.name = "bias_activation_fusion";
    settings.push_back(std::move(setting));
  }
  // Switches that are on by default there, unlike in Megatron-LM.
  if (launch.layout.recompute == Recompute::none) settings.push_back({"recompute_granularity", "none"});
  if (launch.layout.zero_stage == 0) settings.push_back({"use_distributed_optimizer", "false"});
  if (!launch.fusion.cross_entropy) settings.push_back({"cross_entropy_loss_fusion", "false"});
  return settings;
}

const char* torch_dtype(Precision precision) {
  if (precision == Precision::fp16) return "float16";
  return precision == Precision::bf16 ? "bfloat16" : "float32";
}

}  // namespace

TargetFiles write_ms_swift(const Launch& launch) {
  JobCommand job{
      .starter = Starter::environment, .environment = megatron_environment(launch), .program = "megatron pt"};
  job.arguments = {"--model model", "--max_length " + std::to_string(launch.seq_length),
                   std::string("--torch_dtype ") + torch_dtype(launch.precision)};
  for (const Setting& setting : swift_settings(launch))
    job.arguments.push_back("--" + setting.name + " " + shell_word(setting.value));
  job.arguments.push_back("--train_iters 20");
  job.arguments.push_back("--dataset \"${DATASET:?name a data set of ms-swift}\"");
  return {{{"model/config.json", hf_config(launch)}},
          job,
          {"Written for ms-swift 4.6.",
           "The folder model/ holds the model's sizes; put a tokenizer beside them, "
           "or name your model in place of it.",
           "DATASET names the data; packing must fill max_length tokens, for that is what was priced."}};
}

}  // namespace paraplan
