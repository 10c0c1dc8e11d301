#include "planner/export/writers/hf_trainer.h"

#include <fmt/format.h>

#include "planner/export/writers/hf_config.h"

namespace paraplan {

TargetFiles hf_trainer(const Launch& launch) {
  const bool bert = launch.model.task == TrainingTask::masked_tokens;
  const char* script = bert ? "run_mlm.py" : "run_clm.py";
  JobCommand job{.program = fmt::format("\"${{TRAIN_SCRIPT:-{}}}\"", script)};
  job.arguments = {"--config_name model.json",
                   fmt::format("{} {}", bert ? "--max_seq_length" : "--block_size", launch.seq_length),
                   fmt::format("--per_device_train_batch_size {}", launch.layout.micro_batch),
                   fmt::format("--gradient_accumulation_steps {}", micro_batches(launch))};
  if (launch.precision != Precision::fp32)
    job.arguments.push_back(fmt::format("--{} True", to_string(launch.precision)));
  job.arguments.insert(job.arguments.end(), {"--do_train", "--max_steps 20", "--output_dir out",
                                             "--tokenizer_name \"${TOKENIZER:?name a tokenizer}\"",
                                             "--dataset_name \"${DATASET:?name a data set}\""});
  if (launch.layout.recompute == Recompute::full)
    job.arguments.insert(job.arguments.begin(), "--gradient_checkpointing True");
  return {{{"model.json", hf_config(launch)}},
          job,
          {fmt::format("{} is the example script of transformers; TRAIN_SCRIPT may name another that takes "
                       "TrainingArguments.",
                       script)}};
}

}  // namespace paraplan
