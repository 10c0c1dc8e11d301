#include "planner/check/launch_request.h"

#include <fmt/format.h>

#include "costmodel/base/input_error.h"
#include "costmodel/io/job.h"

namespace paraplan {
namespace {

[[noreturn]] void fail_request(const LaunchRequest& request, const std::string& key,
                               const std::string& message) {
  throw InputError(request.file, 0, key, message);
}

void set_cluster(const LaunchRequest& request, Cluster& cluster) {
  if (request.devices_per_node) cluster.devices_per_node = *request.devices_per_node;
  if (request.nodes) cluster.nodes = *request.nodes;
  if (!request.devices || (request.nodes && request.devices_per_node)) return;
  if (request.nodes) cluster.devices_per_node = *request.devices / *request.nodes;
  if (*request.devices < cluster.devices_per_node) cluster.devices_per_node = *request.devices;
  cluster.nodes = *request.devices / cluster.devices_per_node;
  if (cluster.devices() != *request.devices)
    fail_request(request, "devices",
                 fmt::format("{} devices are no whole number of nodes with {}", *request.devices,
                             cluster.devices_per_node));
}

void set_kernels(const LaunchRequest& request, SoftwareProfile& software) {
  const auto set = [](const std::optional<bool>& said, bool& value) {
    if (said) value = *said;
  };
  Fusion& fusion = software.fusion;
  set(request.flash_attention, fusion.flash_attention);
  set(request.softmax, fusion.softmax);
  set(request.bias_gelu, fusion.bias_gelu);
  set(request.gated_activation, fusion.gated_activation);
  set(request.bias_dropout_add, fusion.bias_dropout_add);
  set(request.rotary, fusion.rotary);
  set(request.cross_entropy, fusion.cross_entropy);
  set(request.gradient_accumulation, fusion.gradient_accumulation);
  Communication& communication = software.communication;
  if (request.overlaps_reduction)
    communication.gradient_reduction =
        *request.overlaps_reduction ? GradientReduction::overlapped : GradientReduction::after;
  if (request.overlaps_tensor && !*request.overlaps_tensor) communication.tensor_overlap.value = 0;
  if (request.stage_balance) software.stage_balance = *request.stage_balance;
}

int64_t data_size(const LaunchRequest& request, const Scenario& scenario) {
  const Layout& layout = request.layout;
  const int64_t others = layout.tensor * layout.pipeline * layout.context,
                devices = scenario.cluster.devices();
  if (devices % others != 0)
    fail_request(
        request, "devices",
        fmt::format("{} devices are not divisible by tensor x pipeline x context = {}", devices, others));
  return devices / others;
}

void set_batch(const LaunchRequest& request, Scenario& scenario) {
  if (request.global_batch) scenario.global_batch = *request.global_batch;
  if (!request.global_batch && request.micro_batch && request.accumulation)
    scenario.global_batch = *request.micro_batch * *request.accumulation * data_size(request, scenario);
  if (!request.global_batch && !request.accumulation && request.micro_batch && scenario.global_batch == 0)
    scenario.global_batch = *request.micro_batch * data_size(request, scenario);
}

}  // namespace

const char* usual_software(const LaunchRequest& request) {
  const std::string& framework = request.framework;
  if (framework.starts_with("megatron") || framework == "ms-swift") return "megatron_core";
  if (framework == "torchtitan") return "pytorch_fsdp2";
  return framework == "accelerate" || framework == "automodel" ? "hf_fsdp2" : "hf_deepspeed_zero";
}

Layout complete_layout(const LaunchRequest& request, const Scenario& scenario) {
  Layout layout = request.layout;
  layout.data = data_size(request, scenario);
  if (request.micro_batch) {
    layout.micro_batch = *request.micro_batch;
  } else if (request.accumulation && scenario.global_batch % (layout.data * *request.accumulation) == 0) {
    layout.micro_batch = scenario.global_batch / (layout.data * *request.accumulation);
  } else {
    fail_request(request, "micro_batch",
                 "the launch does not say the samples per device and pass; give --micro-batch");
  }
  return layout;
}

Scenario scenario_for(const LaunchRequest& request, Scenario base) {
  set_cluster(request, base.cluster);
  if (request.model) base.model = *request.model;
  if (request.seq_length) base.seq_length = *request.seq_length;
  if (request.precision) base.precision = *request.precision;
  set_batch(request, base);
  set_kernels(request, base.software);
  if (base.model.kinds.empty())
    fail_request(request, "model", "the launch does not say the model's sizes; name a model with --model");
  if (base.model.vocab == 0)
    fail_request(request, "vocab_size",
                 "the launch leaves it to the tokenizer, which is not read; give --vocab");
  if (base.seq_length == 0)
    fail_request(request, "seq_length", "the launch does not say how long samples are; give --seq-length");
  if (base.global_batch == 0)
    fail_request(request, "global_batch",
                 "the launch does not say the samples per step; give --global-batch");
  const JobFault fault = check_job(base);
  if (!fault.key.empty()) fail_request(request, fault.key, fault.message);
  return base;
}

}  // namespace paraplan
