#include <fmt/format.h>

#include <algorithm>

#include "costmodel/io/files/file_kind.h"
#include "planner/export/writers/hf_config.h"
#include "planner/export/writers/hf_trainer.h"
#include "planner/export/writers/python_text.h"
#include "planner/export/writers/writers.h"

namespace paraplan {
namespace {

std::string fsdp_text(const Launch& launch) {
  const Layout& layout = launch.layout;
  return fmt::format(
      "fsdp_config:\n"
      "  fsdp_version: 2\n"
      "  fsdp_reshard_after_forward: {}\n"
      "  fsdp_offload_params: {}\n"
      "  fsdp_activation_checkpointing: {}\n"
      "  fsdp_auto_wrap_policy: TRANSFORMER_BASED_WRAP\n"
      "  fsdp_transformer_layer_cls_to_wrap: {}\n"
      "  fsdp_state_dict_type: SHARDED_STATE_DICT\n"
      "parallelism_config:\n"
      "  parallelism_config_dp_replicate_size: 1\n"
      "  parallelism_config_dp_shard_size: {}\n"
      "  parallelism_config_tp_size: {}\n"
      "  parallelism_config_cp_size: {}\n",
      yaml(layout.zero_stage == 3), yaml(layout.offload == Offload::optimizer_and_parameters),
      yaml(layout.recompute == Recompute::full), hf_layer_class(launch), layout.data, layout.tensor,
      layout.context);
}

// FSDP2 carries every kind of parallelism but plain replicas.
bool uses_fsdp(const Layout& layout) {
  return layout.zero_stage >= 2 || layout.devices() > layout.data;
}

std::string accelerate_config(const Launch& launch) {
  const Cluster& cluster = launch.cluster;
  const bool fsdp = uses_fsdp(launch.layout);
  const char* precision = launch.precision == Precision::fp32 ? "'no'" : to_string(launch.precision);
  return fmt::format(
             "# Written by {}.\n"
             "compute_environment: LOCAL_MACHINE\n"
             "distributed_type: {}\n"
             "num_machines: {}\n"
             "num_processes: {}\n"
             "machine_rank: 0\n"
             "mixed_precision: {}\n"
             "main_training_function: main\n",
             kLaunchMark,
             fsdp                    ? "FSDP"
             : cluster.devices() > 1 ? "MULTI_GPU"
                                     : "'NO'",
             cluster.nodes, cluster.devices(), precision) +
         (fsdp ? fsdp_text(launch) : "");
}

}  // namespace

TargetFiles write_accelerate(const Launch& launch) {
  TargetFiles written = hf_trainer(launch);
  JobCommand& job = written.job;
  job.starter = Starter::accelerate;
  job.program = "--config_file accelerate.yaml " + job.program;
  // FSDP does the checkpointing itself.
  if (uses_fsdp(launch.layout)) std::erase(job.arguments, "--gradient_checkpointing True");
  written.files.push_back({"accelerate.yaml", accelerate_config(launch)});
  written.notes.insert(written.notes.begin(), "Written for accelerate 1.15.");
  return written;
}

}  // namespace paraplan
