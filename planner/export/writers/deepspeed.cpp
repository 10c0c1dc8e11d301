#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "costmodel/io/files/file_kind.h"
#include "planner/export/writers/hf_trainer.h"
#include "planner/export/writers/writers.h"

namespace paraplan {
namespace {

nlohmann::ordered_json zero_optimization(const Launch& launch) {
  const Layout& layout = launch.layout;
  nlohmann::ordered_json zero = {{"stage", layout.zero_stage}};
  if (layout.zero_stage > 0) zero["overlap_comm"] = launch.overlaps_reduction;
  if (layout.offload != Offload::none) zero["offload_optimizer"] = {{"device", "cpu"}, {"pin_memory", true}};
  if (layout.offload == Offload::optimizer_and_parameters)
    zero["offload_param"] = {{"device", "cpu"}, {"pin_memory", true}};
  return zero;
}

std::string deepspeed_config(const Launch& launch) {
  nlohmann::ordered_json config = {{"train_micro_batch_size_per_gpu", launch.layout.micro_batch},
                                   {"gradient_accumulation_steps", micro_batches(launch)},
                                   {"gradient_clipping", 1.0},
                                   {"zero_optimization", zero_optimization(launch)}};
  // DeepSpeed counts every rank into this one, those of a tensor group, too, which share their samples.
  if (launch.layout.tensor == 1) config["train_batch_size"] = launch.global_batch;
  if (launch.precision != Precision::fp32) config[to_string(launch.precision)] = {{"enabled", true}};
  if (launch.layout.tensor > 1) config["tensor_parallel"] = {{"autotp_size", launch.layout.tensor}};
  config["_written_by"] = kLaunchMark;  // DeepSpeed passes over names that it does not know
  return config.dump(2) + "\n";
}

}  // namespace

TargetFiles write_deepspeed(const Launch& launch) {
  TargetFiles written = hf_trainer(launch);
  written.job.arguments.insert(written.job.arguments.begin(), "--deepspeed ds_config.json");
  written.files.push_back({"ds_config.json", deepspeed_config(launch)});
  written.notes.insert(written.notes.begin(), "Written for deepspeed 0.19.");
  return written;
}

}  // namespace paraplan
