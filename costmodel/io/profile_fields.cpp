#include "costmodel/io/profile_fields.h"

#include "costmodel/names.h"

namespace paraplan {
namespace {

constexpr Unit kOne{};
constexpr Unit kGiga{1e9, 1};  // GB/s, GHz
constexpr Unit kTera{1e12, 1};
constexpr Unit kMega{1e6, 1};
constexpr Unit kMebi{1048576.0, 1};
constexpr Unit kGibi{1073741824.0, 1};
constexpr Unit kMicro{1, 1e6};
constexpr Unit kMilli{1, 1e3};

// Upper ends catch a wrong unit (bytes where GB are meant), not a machine of the future.
constexpr Range kFraction{0, 1, true};
constexpr Range kShare{0, 1, false};  // may be zero
constexpr Range kFactor{1, 100, false};
constexpr Range kScale{0, 1000, true};
constexpr Range kCount{1, 1e6, false};
constexpr Range kAmount{0, 1e6, false};
constexpr Range kSize{0, 1e6, true};   // GiB, GB/s
constexpr Range kTime{0, 1e7, false};  // us, ms

constexpr std::nullopt_t kRequired = std::nullopt;
constexpr double kOrZero = 0;
constexpr double kOrOne = 1;

template <class E>
WordField word_field(std::string key, E& value) {
  const auto set = [&value](const std::string& text) {
    const std::optional<E> parsed = from_string<E>(text);
    if (parsed) value = *parsed;
    return parsed.has_value();
  };
  return {std::move(key), [&value] { return std::string(to_string(value)); }, set, name_list<E>()};
}

void add_device(Device& d, ProfileFields& fields) {
  fields.flags.push_back({"device.asynchronous_launch", &d.asynchronous_launch});
  fields.constants.insert(
      fields.constants.end(),
      {
          {"device.memory_GiB", kGibi, &d.memory_bytes, kSize, kRequired},
          {"device.memory_bandwidth_GBps", kGiga, &d.memory_bytes_per_s, kSize, kRequired},
          {"device.memory_efficiency", kOne, &d.memory_efficiency, kFraction, kRequired},
          // 0 or absent: the precision is not supported.
          {"device.peak_fp16_TFLOPs", kTera, &d.peak_fp16_flop_per_s, kAmount, kOrZero},
          {"device.peak_bf16_TFLOPs", kTera, &d.peak_bf16_flop_per_s, kAmount, kOrZero},
          {"device.peak_fp32_TFLOPs", kTera, &d.peak_fp32_flop_per_s, kAmount, kOrZero},
          {"device.gemm_efficiency", kOne, &d.gemm_efficiency, kFraction, kRequired},
          // 1 or absent: training runs at the clock of the microbenchmarks.
          {"device.sustained_rate", kOne, &d.sustained_rate, {0, 2, true}, kOrOne},
          {"device.gemm_depth_overhead", kOne, &d.gemm_depth_overhead, kAmount, kRequired},
          {"device.batched_gemm_efficiency", kOne, &d.batched_gemm_efficiency, kFraction, kRequired},
          // 0 or absent: no flash attention on this device; software that uses it is refused.
          {"device.flash_forward_efficiency", kOne, &d.flash_forward_efficiency, kShare, kOrZero},
          {"device.flash_backward_efficiency", kOne, &d.flash_backward_efficiency, kShare, kOrZero},
          {"device.processors", kOne, &d.processors, kCount, kRequired},
          {"device.tile_rows", kOne, &d.tile_rows, kCount, kRequired},
          {"device.tile_columns", kOne, &d.tile_columns, kCount, kRequired},
          {"device.kernel_floor_us", kMicro, &d.kernel_floor_s, kTime, kRequired},
          // 0 or absent: random numbers cost nothing beside the memory traffic.
          {"device.random_numbers_per_s", kOne, &d.random_numbers_per_s, {0, 1e18, false}, kOrZero},
          {"device.overlap_slowdown", kOne, &d.overlap_slowdown, kFactor, kRequired},
          // 0 or absent: fixed clock; a scenario or a row must not name another.
          {"device.clock_GHz", kGiga, &d.clock_hz, {0, 100, false}, kOrZero},
          // 0 or absent: not known.
          {"device.context_MiB", kMebi, &d.context_bytes, kAmount, kOrZero},
      });
}

void add_host(Host& h, ProfileFields& fields) {
  fields.constants.insert(
      fields.constants.end(),
      {
          // 0 or absent: no room for offloaded state. With memory, the three rates are needed too.
          {"host.memory_GiB", kGibi, &h.memory_bytes, kAmount, kOrZero},
          {"host.device_link_GBps", kGiga, &h.device_link_bytes_per_s, kAmount, kOrZero},
          {"host.node_link_GBps", kGiga, &h.node_link_bytes_per_s, kAmount, kOrZero},
          {"host.adam_parameters_per_s", kOne, &h.adam_parameters_per_s, {0, 1e15, false}, kOrZero},
          {"host.launch_scale", kOne, &h.launch_scale, kScale, kOrOne},
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
          {"node.links_per_device", kOne, &n.links_per_device, kScale, kOrZero},
          {"node.link_GBps", kGiga, &n.link_bytes_per_s, kSize, kOrZero},
          {"node.host_link_GBps", kGiga, &n.host_link_bytes_per_s, kSize, kOrZero},
          {"node.collective_efficiency", kOne, &n.collective_efficiency, kFraction, kOrZero},
          {"node.latency_us", kMicro, &n.latency_s, kTime, kOrZero},
          {"node.hop_us", kMicro, &n.hop_s, kTime, kOrZero},
      });
}

void add_fusion(Fusion& f, ProfileFields& fields) {
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
  fields.constants.insert(fields.constants.end(),
                          {
                              {"host.launch_us", kMicro, &h.launch_s, kTime, kRequired},
                              {"host.backward_launch_us", kMicro, &h.backward_launch_s, kTime, kRequired},
                              {"host.collective_launch_us", kMicro, &h.collective_launch_s, kTime, kRequired},
                              {"host.recompute_us", kMicro, &h.recompute_s, kTime, kRequired},
                              {"host.gather_us", kMicro, &h.gather_s, kTime, kRequired},
                              {"host.micro_batch_ms", kMilli, &h.micro_batch_s, kTime, kRequired},
                              {"host.step_ms", kMilli, &h.step_s, kTime, kRequired},
                              // 0 or absent: the data loader is never the limit.
                              {"host.masked_token_us", kMicro, &h.masked_token_s, kTime, kOrZero},
                          });
}

void add_state(StateBytes& s, OptimizerCost& o, ProfileFields& fields) {
  fields.flags.push_back({"state.sharded_optimizer", &s.sharded_optimizer});
  fields.constants.insert(
      fields.constants.end(),
      {
          {"state.gradient_bytes", kOne, &s.gradient, {0, 64, false}, kRequired},
          {"state.moment_bytes", kOne, &s.moments, {0, 64, false}, kRequired},
          {"state.master_weight_bytes", kOne, &s.master_weight, {0, 64, false}, kRequired},
          {"state.gradient_copy_bytes", kOne, &s.gradient_copy, {0, 64, false}, kRequired},
          {"state.update_temporary_bytes", kOne, &s.update_temporary, {0, 64, false}, kRequired},
          {"state.reduced_gradient_bytes", kOne, &s.reduced_gradient, {0, 64, true}, kRequired},
          {"optimizer.bytes_per_parameter", kOne, &o.bytes_per_parameter, {0, 1000, false}, kRequired},
          {"optimizer.launches_per_tensor", kOne, &o.launches_per_tensor, {0, 1000, false}, kRequired},
          // 0 or absent: all at once.
          {"optimizer.sub_group_parameters", kOne, &o.sub_group_parameters, {0, 1e15, false}, kOrZero},
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
          {"communication.reduces_by_block", &c.reduces_by_block},
          {"communication.checkpoints_over_tensor", &c.checkpoints_over_tensor},
      });
  fields.constants.insert(fields.constants.end(),
                          {
                              // 0 or absent: one bucket.
                              {"communication.bucket_MB", kMega, &c.bucket_bytes, kAmount, kOrZero},
                              // 0 or absent: nothing is hidden.
                              {"communication.tensor_overlap", kOne, &c.tensor_overlap, kShare, kOrZero},
                              {"communication.gather_overlap", kOne, &c.gather_overlap, kShare, kOrZero},
                          });
}

void add_memory(FrameworkMemory& m, ProfileFields& fields) {
  fields.flags.push_back({"memory.replays_lifetimes", &m.replays_lifetimes});
  fields.constants.insert(
      fields.constants.end(),
      {
          {"memory.fixed_MiB", kMebi, &m.fixed_bytes, kAmount, kRequired},
          {"memory.logits_copies", kOne, &m.logits_copies, {0, 16, false}, kRequired},
          // 0 or absent: no more than logits_copies.
          {"memory.most_logits_copies", kOne, &m.most_logits_copies, {0, 16, false}, kOrZero},
          {"memory.reserve_factor", kOne, &m.reserve_factor, kFactor, kRequired},
          {"memory.context_MiB", kMebi, &m.context_bytes, kAmount, kRequired},
          {"memory.communicator_MiB", kMebi, &m.communicator_bytes, kAmount, kRequired},
          // 0 or absent: no more than the layer at work.
          {"memory.zero3_live_parameters", kOne, &m.zero3_live_parameters, {0, 1e15, false}, kOrZero},
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
  add_host(profile.host, fields);
  add_node(profile.node, fields);
  return fields;
}

ProfileFields profile_fields(Network& n) {
  ProfileFields fields;
  fields.constants = {
      {"nics_per_node", kOne, &n.nics_per_node, kScale, kRequired},
      {"nic_GBps", kGiga, &n.nic_bytes_per_s, kSize, kRequired},
      {"collective_efficiency", kOne, &n.collective_efficiency, kFraction, kRequired},
      {"point_to_point_efficiency", kOne, &n.point_to_point_efficiency, kFraction, kRequired},
      {"latency_us", kMicro, &n.latency_s, kTime, kRequired},
      {"hop_us", kMicro, &n.hop_s, kTime, kRequired},
      // 0 or absent: nodes do not differ.
      {"straggler", kOne, &n.straggler, {0, 10, false}, kOrZero},
  };
  return fields;
}

ProfileFields profile_fields(SoftwareProfile& profile) {
  ProfileFields fields;
  fields.words.push_back(word_field("stage_balance", profile.stage_balance));
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
