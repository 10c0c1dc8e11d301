#include <algorithm>
#include <array>

#include "planner/export/writers/megatron_settings.h"
#include "planner/export/writers/writers.h"

namespace paraplan {
namespace {

// Switches whose flag turns them off; their name on the command line.
constexpr std::array<std::array<const char*, 2>, 6> kTurnedOff = {{
    {"masked_softmax_fusion", "no-masked-softmax-fusion"},
    {"bias_gelu_fusion", "no-bias-gelu-fusion"},
    {"bias_swiglu_fusion", "no-bias-swiglu-fusion"},
    {"bias_dropout_fusion", "no-bias-dropout-fusion"},
    {"apply_rope_fusion", "no-rope-fusion"},
    {"gradient_accumulation_fusion", "no-gradient-accumulation-fusion"},
}};

std::string flag_name(const Setting& setting) {
  if (setting.name == "virtual_pipeline_model_parallel_size") return "num-virtual-stages-per-pipeline-rank";
  for (const auto& [name, flag] : kTurnedOff)
    if (setting.name == name) return flag;
  std::string flag = setting.name;
  std::ranges::replace(flag, '_', '-');
  return flag;
}

std::string flag(const Setting& setting) {
  const bool is_switch = setting.value == "true" || setting.value == "false";
  return "--" + flag_name(setting) + (is_switch ? "" : " " + shell_word(setting.value));
}

}  // namespace

TargetFiles write_megatron(const Launch& launch) {
  const bool bert = launch.model.task == TrainingTask::masked_tokens;
  JobCommand job{.environment = megatron_environment(launch),
                 .program = bert ? "pretrain_bert.py" : "pretrain_gpt.py"};
  for (const Setting& setting : megatron_model(launch)) job.arguments.push_back(flag(setting));
  for (const Setting& setting : megatron_layout(launch)) job.arguments.push_back(flag(setting));
  for (const char* argument : {"--tokenizer-type NullTokenizer", "--mock-data", "--lr 1e-4",
                               "--train-iters 20", "--eval-iters 0", "--log-interval 1"})
    job.arguments.emplace_back(argument);
  return {
      {},
      job,
      {"Written for megatron-core 0.19; start it in a checkout of Megatron-LM.",
       "The last six lines are a trial on mock data: put your data, tokenizer, schedule and checkpoints in "
       "their place."}};
}

}  // namespace paraplan
