#include <filesystem>

#include "costmodel/io/files/files.h"
#include "planner/check/readers.h"

namespace paraplan {
namespace {

// The configuration that a launch names, where it lies beside the launch.
std::optional<std::string> model_beside(const LaunchRequest& request, const std::string& name) {
  const std::filesystem::path path = std::filesystem::path(request.file).parent_path() / name;
  if (std::filesystem::is_directory(path) || file_exists(path)) return path.string();
  return std::nullopt;
}

Offload read_offload(LaunchSettings& settings, const char* optimizer, const char* parameters) {
  const auto is_on = [&](const char* name) {
    const std::string device = settings.text(name).value_or("none");
    if (device != "none" && device != "cpu") settings.fail(name, "only cpu is priced, not " + device);
    return device == "cpu";
  };
  const bool optimizer_on = is_on(optimizer), parameters_on = is_on(parameters);
  if (parameters_on) return Offload::optimizer_and_parameters;
  return optimizer_on ? Offload::optimizer : Offload::none;
}

}  // namespace

void read_trainer(LaunchSettings& settings, LaunchRequest& request) {
  if (const auto size = settings.size_of({"per_device_train_batch_size"})) request.micro_batch = size;
  if (const auto steps = settings.size("gradient_accumulation_steps")) request.accumulation = steps;
  if (settings.flag("gradient_checkpointing").value_or(false)) request.layout.recompute = Recompute::full;
  if (const auto length = settings.size_of(
          {"block_size", "max_seq_length", "max_length", "cutoff_len", "model_max_length", "seq_length"}))
    request.seq_length = length;
  if (settings.flag("fp16").value_or(false)) request.precision = Precision::fp16;
  if (settings.flag("bf16").value_or(false)) request.precision = Precision::bf16;
  for (const char* name : {"config_name", "model_name_or_path"}) {
    const std::optional<std::string> model = settings.text(name);
    if (model && !request.model_file) request.model_file = model_beside(request, *model);
  }
  for (const char* name : {"fsdp", "fsdp_config"})
    if (settings.has(name)) settings.fail(name, "is read from the configuration of accelerate launch alone");
}

void read_deepspeed(LaunchSettings& settings, LaunchRequest& request) {
  request.framework = "deepspeed";
  if (const auto size = settings.size("train_micro_batch_size_per_gpu")) request.micro_batch = size;
  if (const auto size = settings.size("train_batch_size")) request.global_batch = size;
  if (const auto steps = settings.size("gradient_accumulation_steps")) request.accumulation = steps;
  Layout& layout = request.layout;
  const double stage = settings.number("zero_optimization.stage").value_or(0);
  if (stage != 0 && stage != 1 && stage != 2 && stage != 3)
    settings.fail("zero_optimization.stage", "must be 0, 1, 2 or 3");
  layout.zero_stage = static_cast<int>(stage);
  if (const auto overlap = settings.flag("zero_optimization.overlap_comm"))
    request.overlaps_reduction = overlap;
  layout.offload = read_offload(settings, "zero_optimization.offload_optimizer.device",
                                "zero_optimization.offload_param.device");
  layout.tensor = settings.size("tensor_parallel.autotp_size").value_or(1);
  if (settings.size("sequence_parallel_size").value_or(1) != 1)
    settings.fail("sequence_parallel_size", "is not priced");
  if (settings.flag("bf16.enabled").value_or(false)) request.precision = Precision::bf16;
  if (settings.flag("fp16.enabled").value_or(false)) request.precision = Precision::fp16;
  if (!request.precision) request.precision = Precision::fp32;
}

void read_accelerate(LaunchSettings& settings, LaunchRequest& request) {
  request.framework = "accelerate";
  if (const auto nodes = settings.size("num_machines")) request.nodes = nodes;
  if (const auto devices = settings.size("num_processes")) request.devices = devices;
  const std::string precision = settings.text("mixed_precision").value_or("no");
  request.precision = precision == "bf16"   ? Precision::bf16
                      : precision == "fp16" ? Precision::fp16
                                            : request.precision.value_or(Precision::fp32);
  if (precision == "fp8") settings.fail("mixed_precision", "fp8 is not priced yet");
  Layout& layout = request.layout;
  layout.tensor = settings.size("parallelism_config.parallelism_config_tp_size").value_or(1);
  layout.context = settings.size("parallelism_config.parallelism_config_cp_size").value_or(1);
  const char* replicas = "parallelism_config.parallelism_config_dp_replicate_size";
  const int64_t replicated = settings.size(replicas).value_or(1);
  const int64_t sharded = settings.size("parallelism_config.parallelism_config_dp_shard_size").value_or(1);
  if (replicated > 1 && sharded > 1) settings.fail(replicas, "replicas of sharded groups are not priced yet");
  if (settings.text("distributed_type").value_or("") != "FSDP") return;
  const std::string strategy = settings.text("fsdp_config.fsdp_sharding_strategy").value_or("");
  const bool gives_back =
      settings.flag("fsdp_config.fsdp_reshard_after_forward").value_or(strategy != "SHARD_GRAD_OP");
  layout.zero_stage = replicated > 1 || strategy == "NO_SHARD" ? 0 : gives_back ? 3 : 2;
  if (settings.flag("fsdp_config.fsdp_offload_params").value_or(false))
    layout.offload = Offload::optimizer_and_parameters;
  if (settings.flag("fsdp_config.fsdp_activation_checkpointing").value_or(false))
    layout.recompute = Recompute::full;
}

}  // namespace paraplan
