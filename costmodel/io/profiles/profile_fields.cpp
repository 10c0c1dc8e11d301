#include "costmodel/io/profiles/profile_fields.h"

#include "costmodel/names.h"

namespace paraplan {
namespace {

constexpr Unit kOne{};
constexpr Unit kGigaBytes{1e9, 1, "GB/s"};
constexpr Unit kGigaHertz{1e9, 1, "GHz"};
constexpr Unit kTera{1e12, 1, "TFLOP/s"};
constexpr Unit kMega{1e6, 1, "MB"};
constexpr Unit kMebi{1048576.0, 1, "MiB"};
constexpr Unit kGibi{1073741824.0, 1, "GiB"};
constexpr Unit kMicro{1, 1e6, "us"};
constexpr Unit kMilli{1, 1e3, "ms"};

// Upper ends catch a wrong unit (bytes where GB are meant), not a machine of the future.
constexpr Range kFraction{0, 1, true};
constexpr Range kShare{0, 1, false};  // may be zero
constexpr Range kFactor{1, 100, false};
constexpr Range kScale{0, 1000, true};
constexpr Range kCount{1, 1e6, false};
constexpr Range kAmount{0, 1e6, false};
constexpr Range kSize{0, 1e6, true};   // GiB, GB/s
constexpr Range kTime{0, 1e7, false};  // us, ms
constexpr Range kBytes{0, 64, false};  // of one parameter or logit
constexpr Range kPasses{0, 1000, false};
constexpr Range kParameters{0, 1e15, false};
constexpr Range kNumbers{0, 1e18, false};

constexpr std::nullopt_t kRequired = std::nullopt;
constexpr double kOrZero = 0;
constexpr double kOrOne = 1;

constexpr UsualRange usual(double min, double max) {
  return {min, max};
}
constexpr UsualRange kNoneShipped{};

// A CPU's cores, which launch for themselves, are of another order of magnitude than a GPU.
UsualRange by_kind(const Device& device, UsualRange gpu, UsualRange cpu) {
  return device.asynchronous_launch ? gpu : cpu;
}

void add_device(Device& d, ProfileFields& fields) {
  fields.flags.push_back({"device.asynchronous_launch", &d.asynchronous_launch});
  fields.constants.insert(
      fields.constants.end(),
      {
          {"device.memory_GiB", kGibi, &d.memory_bytes, kSize, kRequired, by_kind(d, {15, 280}, {4, 160})},
          {"device.memory_bandwidth_GBps", kGigaBytes, &d.memory_bytes_per_s, kSize, kRequired,
           by_kind(d, {600, 8000}, {10, 1100})},
          {"device.memory_efficiency", kOne, &d.memory_efficiency, kFraction, kRequired, usual(0.25, 0.95)},
          // 0 or absent: the precision is not supported.
          {"device.peak_fp16_TFLOPs", kTera, &d.peak_fp16_flop_per_s, kAmount, kOrZero,
           by_kind(d, {70, 2500}, {3, 60})},
          {"device.peak_bf16_TFLOPs", kTera, &d.peak_bf16_flop_per_s, kAmount, kOrZero,
           by_kind(d, {70, 2500}, kNoneShipped)},
          {"device.peak_fp32_TFLOPs", kTera, &d.peak_fp32_flop_per_s, kAmount, kOrZero,
           by_kind(d, {15, 300}, {0.1, 10})},
      });
}

void add_kernels(Device& d, ProfileFields& fields) {
  fields.constants.insert(
      fields.constants.end(),
      {
          {"device.gemm_efficiency", kOne, &d.gemm_efficiency, kFraction, kRequired, usual(0.2, 1)},
          // 1 or absent: training runs at the clock of the microbenchmarks.
          {"device.sustained_rate", kOne, &d.sustained_rate, {0, 2, true}, kOrOne, usual(0.7, 1)},
          {"device.gemm_depth_overhead", kOne, &d.gemm_depth_overhead, kAmount, kRequired, usual(30, 400)},
          {"device.batched_gemm_efficiency", kOne, &d.batched_gemm_efficiency, kFraction, kRequired,
           usual(0.08, 0.7)},
          // 0 or absent: no flash attention on this device; software that uses it is refused.
          {"device.flash_forward_efficiency", kOne, &d.flash_forward_efficiency, kShare, kOrZero,
           usual(0.27, 0.8)},
          {"device.flash_backward_efficiency", kOne, &d.flash_backward_efficiency, kShare, kOrZero,
           usual(0.16, 0.65)},
          {"device.processors", kOne, &d.processors, kCount, kRequired, by_kind(d, {60, 304}, {1, 192})},
          {"device.tile_rows", kOne, &d.tile_rows, kCount, kRequired, usual(64, 256)},
          {"device.tile_columns", kOne, &d.tile_columns, kCount, kRequired, usual(64, 128)},
          {"device.kernel_floor_us", kMicro, &d.kernel_floor_s, kTime, kRequired, usual(0.5, 10)},
          // 0 or absent: random numbers cost nothing beside the memory traffic.
          {"device.random_numbers_per_s", kOne, &d.random_numbers_per_s, kNumbers, kOrZero,
           usual(5e10, 5e11)},
          {"device.overlap_slowdown", kOne, &d.overlap_slowdown, kFactor, kRequired, usual(1, 1.2)},
          // 0 or absent: fixed clock; a scenario or a row must not name another.
          {"device.clock_GHz", kGigaHertz, &d.clock_hz, {0, 100, false}, kOrZero, usual(1, 3.5)},
          // 0 or absent: not known.
          {"device.context_MiB", kMebi, &d.context_bytes, kAmount, kOrZero},
      });
}

void add_host(Host& h, ProfileFields& fields) {
  fields.constants.insert(
      fields.constants.end(),
      {
          // 0 or absent: no room for offloaded state. With memory, the three rates are needed too.
          {"host.memory_GiB", kGibi, &h.memory_bytes, kAmount, kOrZero, usual(128, 2048)},
          {"host.device_link_GBps", kGigaBytes, &h.device_link_bytes_per_s, kAmount, kOrZero, usual(10, 360)},
          {"host.node_link_GBps", kGigaBytes, &h.node_link_bytes_per_s, kAmount, kOrZero, usual(25, 1500)},
          {"host.adam_parameters_per_s", kOne, &h.adam_parameters_per_s, kParameters, kOrZero,
           usual(5e8, 4e9)},
          // 0 or absent: not known.
          {"host.kernel_launch_us", kMicro, &h.kernel_launch_s, kTime, kOrZero},
          {"host.graph_launch_us", kMicro, &h.graph_launch_s, kTime, kOrZero},
      });
}

// Which of these a profile needs depends on its topology; the loader checks it.
void add_node(NodeLinks& n, ProfileFields& fields) {
  fields.words.push_back(word_field("node.topology", n.topology));
  fields.constants.insert(
      fields.constants.end(),
      {
          {"node.links_per_device", kOne, &n.links_per_device, kScale, kOrZero, usual(2, 18)},
          {"node.link_GBps", kGigaBytes, &n.link_bytes_per_s, kSize, kOrZero, usual(5, 100)},
          {"node.host_link_GBps", kGigaBytes, &n.host_link_bytes_per_s, kSize, kOrZero, usual(8, 63)},
          {"node.collective_efficiency", kOne, &n.collective_efficiency, kFraction, kOrZero, usual(0.5, 1)},
          {"node.latency_us", kMicro, &n.latency_s, kTime, kOrZero, usual(15, 50)},
          {"node.hop_us", kMicro, &n.hop_s, kTime, kOrZero, usual(0.2, 10)},
      });
}

void add_fusion(Fusion& f, ProfileFields& fields) {
  fields.words.push_back(word_field("fusion.attention_kernel", f.attention_kernel, true));
  fields.flags.insert(fields.flags.end(), {
                                              {"fusion.softmax", &f.softmax},
                                              {"fusion.gelu", &f.gelu},
                                              {"fusion.bias_gelu", &f.bias_gelu},
                                              {"fusion.dropout", &f.dropout},
                                              {"fusion.bias_dropout_add", &f.bias_dropout_add},
                                              {"fusion.norm", &f.norm},
                                              {"fusion.attention_dropout", &f.attention_dropout},
                                              {"fusion.flash_attention", &f.flash_attention},
                                              {"fusion.gated_activation", &f.gated_activation},
                                              {"fusion.rotary", &f.rotary},
                                              {"fusion.cross_entropy", &f.cross_entropy},
                                              {"fusion.gradient_accumulation", &f.gradient_accumulation},
                                              {"fusion.in_place_gradients", &f.in_place_gradients},
                                          });
}

void add_host_cost(HostCost& h, ProfileFields& fields) {
  fields.flags.push_back({"host.launch_blocking", &h.launch_blocking});
  fields.constants.insert(
      fields.constants.end(),
      {
          {"host.launch_us", kMicro, &h.launch_s, kTime, kRequired, usual(0.3, 90)},
          {"host.backward_launch_us", kMicro, &h.backward_launch_s, kTime, kRequired, usual(0.3, 60)},
          {"host.collective_launch_us", kMicro, &h.collective_launch_s, kTime, kRequired, usual(0.3, 200)},
          {"host.recompute_us", kMicro, &h.recompute_s, kTime, kRequired, usual(20, 25000)},
          {"host.gather_us", kMicro, &h.gather_s, kTime, kRequired, usual(0.3, 500)},
          {"host.micro_batch_ms", kMilli, &h.micro_batch_s, kTime, kRequired, usual(0.5, 400)},
          {"host.step_ms", kMilli, &h.step_s, kTime, kRequired, usual(1, 100)},
      });
}

void add_state(StateBytes& s, OptimizerCost& o, ProfileFields& fields) {
  fields.flags.push_back({"state.sharded_optimizer", &s.sharded_optimizer});
  fields.constants.insert(
      fields.constants.end(),
      {
          {"state.gradient_bytes", kOne, &s.gradient, kBytes, kRequired, usual(2, 6)},
          {"state.moment_bytes", kOne, &s.moments, kBytes, kRequired, usual(8, 8)},
          {"state.master_weight_bytes", kOne, &s.master_weight, kBytes, kRequired, usual(2, 4)},
          {"state.gradient_copy_bytes", kOne, &s.gradient_copy, kBytes, kRequired, usual(2, 6)},
          {"state.update_temporary_bytes", kOne, &s.update_temporary, kBytes, kRequired, usual(4, 12)},
          {"state.reduced_gradient_bytes", kOne, &s.reduced_gradient, {0, 64, true}, kRequired, usual(2, 4)},
          {"optimizer.bytes_per_parameter", kOne, &o.bytes_per_parameter, kPasses, kRequired, usual(30, 270)},
          {"optimizer.launches_per_tensor", kOne, &o.launches_per_tensor, kPasses, kRequired, usual(0.5, 12)},
          // 0 or absent: all at once.
          {"optimizer.sub_group_parameters", kOne, &o.sub_group_parameters, kParameters, kOrZero,
           usual(2e8, 5e9)},
      });
}

void add_communication(Communication& c, ProfileFields& fields) {
  fields.words.push_back(word_field("communication.gradient_reduction", c.gradient_reduction));
  fields.flags.insert(
      fields.flags.end(),
      {
          {"communication.reduction_overlaps_model_parallel", &c.reduction_overlaps_model_parallel},
          {"communication.blocking_pipeline_sends", &c.blocking_pipeline_sends},
          {"communication.keeps_sent_activations", &c.keeps_sent_activations},
          {"communication.scatter_gather_sends", &c.scatter_gather_sends},
          {"communication.gradient_collectives_beside_gemm", &c.gradient_collectives_beside_gemm},
          {"communication.reduces_through_buckets", &c.reduces_through_buckets},
          {"communication.gathers_beside_forward", &c.gathers_beside_forward},
          {"communication.tensor_by_tensor", &c.tensor_by_tensor},
          {"communication.prefetches", &c.prefetches},
          {"communication.reduces_by_block", &c.reduces_by_block},
          {"communication.checkpoints_over_tensor", &c.checkpoints_over_tensor},
      });
  fields.constants.insert(
      fields.constants.end(),
      {
          // 0 or absent: one bucket.
          {"communication.bucket_MB", kMega, &c.bucket_bytes, kAmount, kOrZero, usual(16, 2000)},
          // 0 or absent: nothing is hidden.
          {"communication.tensor_overlap", kOne, &c.tensor_overlap, kShare, kOrZero, usual(0.3, 0.9)},
          {"communication.gather_overlap", kOne, &c.gather_overlap, kShare, kOrZero, usual(0.3, 0.9)},
      });
}

void add_memory(FrameworkMemory& m, ProfileFields& fields) {
  fields.words.push_back(word_field("memory.frees_saved", m.frees_saved));
  fields.flags.push_back({"memory.keeps_score_buffer", &m.keeps_score_buffer});
  fields.flags.push_back({"memory.late_gradients", &m.late_gradients});
  fields.flags.push_back({"memory.placeholder_gradients", &m.placeholder_gradients});
  fields.constants.insert(
      fields.constants.end(),
      {
          {"memory.fixed_MiB", kMebi, &m.fixed_bytes, kAmount, kRequired, usual(8, 2000)},
          // 0 or absent: nothing beside the softmax.
          {"memory.loss_forward_bytes", kOne, &m.loss_forward_bytes, kBytes, kOrZero, usual(2, 14)},
          {"memory.loss_backward_bytes", kOne, &m.loss_backward_bytes, kBytes, kOrZero, usual(2, 14)},
          // 0 or absent: no more than loss_backward_bytes.
          {"memory.most_loss_backward_bytes", kOne, &m.most_loss_backward_bytes, kBytes, kOrZero,
           usual(4, 14)},
          {"memory.reserve_factor", kOne, &m.reserve_factor, kFactor, kRequired, usual(1, 1.2)},
          {"memory.context_MiB", kMebi, &m.context_bytes, kAmount, kRequired, usual(300, 1500)},
          {"memory.communicator_MiB", kMebi, &m.communicator_bytes, kAmount, kRequired, usual(30, 600)},
          // 0 or absent: no more than the layer at work.
          {"memory.zero3_live_parameters", kOne, &m.zero3_live_parameters, kParameters, kOrZero,
           usual(2e8, 5e9)},
      });
}

Constant* find(const ProfileFields& fields, std::string_view key) {
  for (const ConstantField& field : fields.constants) {
    if (field.key == key) return field.constant;
  }
  return nullptr;
}

}  // namespace

ProfileFields profile_fields(HardwareProfile& profile) {
  ProfileFields fields;
  add_device(profile.device, fields);
  add_kernels(profile.device, fields);
  add_host(profile.host, fields);
  add_node(profile.node, fields);
  return fields;
}

ProfileFields profile_fields(HostProfile& host) {
  ProfileFields fields;
  fields.constants = {{"time_scale", kOne, &host.time_scale, kScale, kRequired, usual(0.3, 3)}};
  return fields;
}

ProfileFields profile_fields(Network& n) {
  ProfileFields fields;
  fields.constants = {
      {"nics_per_node", kOne, &n.nics_per_node, kScale, kRequired, usual(1, 32)},
      {"nic_GBps", kGigaBytes, &n.nic_bytes_per_s, kSize, kRequired, usual(1.25, 900)},
      {"collective_efficiency", kOne, &n.collective_efficiency, kFraction, kRequired, usual(0.02, 1)},
      {"point_to_point_efficiency", kOne, &n.point_to_point_efficiency, kFraction, kRequired, usual(0.1, 1)},
      {"latency_us", kMicro, &n.latency_s, kTime, kRequired, usual(10, 200)},
      {"hop_us", kMicro, &n.hop_s, kTime, kRequired, usual(3, 80)},
      // 0 or absent: nodes do not differ.
      {"straggler", kOne, &n.straggler, {0, 10, false}, kOrZero, usual(0.005, 0.05)},
  };
  return fields;
}

ProfileFields profile_fields(SoftwareProfile& profile) {
  ProfileFields fields;
  fields.words.push_back(word_field("stage_balance", profile.stage_balance));
  fields.flags.push_back({"splits_backward", &profile.splits_backward});
  add_fusion(profile.fusion, fields);
  add_host_cost(profile.host, fields);
  add_state(profile.state, profile.optimizer, fields);
  add_communication(profile.communication, fields);
  add_memory(profile.memory, fields);
  return fields;
}

Constant* find_constant(HardwareProfile& profile, std::string_view key) {
  return find(profile_fields(profile), key);
}
Constant* find_constant(HostProfile& host, std::string_view key) {
  return find(profile_fields(host), key);
}
Constant* find_constant(Network& network, std::string_view key) {
  return find(profile_fields(network), key);
}
Constant* find_constant(SoftwareProfile& profile, std::string_view key) {
  return find(profile_fields(profile), key);
}

std::vector<std::string> constant_keys(const ProfileFields& fields) {
  std::vector<std::string> keys;
  for (const ConstantField& field : fields.constants) keys.push_back(field.key);
  return keys;
}

}  // namespace paraplan
