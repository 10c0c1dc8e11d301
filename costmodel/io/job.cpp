#include "costmodel/io/job.h"

#include <fmt/format.h>

#include <algorithm>

#include "costmodel/io/text/text.h"
#include "costmodel/ops/unpriced.h"

namespace paraplan {
namespace {

constexpr double kMaxClockHz = 1e11;                   // catches MHz where GHz are meant
constexpr int64_t kMaxGlobalBatch = int64_t{1} << 20;  // catches tokens where samples are meant

JobFault check_cluster(const Scenario& s) {
  const Cluster& cluster = s.cluster;
  if (cluster.devices_per_node > s.hardware.node.devices) {
    return {"devices_per_node",
            fmt::format("must be at most {}, the devices of a node of hardware \"{}\", is {}",
                        s.hardware.node.devices, s.hardware.name, cluster.devices_per_node)};
  }
  if (cluster.nodes > 1 && s.network.name.empty()) {
    return {"nodes", fmt::format("must be 1 for a scenario without a network, is {}", cluster.nodes)};
  }
  if (cluster.clock_hz > 0 && s.hardware.device.clock_hz == 0) {
    return {"clock_GHz",
            fmt::format("hardware \"{}\" has a fixed clock (no device.clock_GHz); leave this out",
                        s.hardware.name)};
  }
  if (cluster.clock_hz > kMaxClockHz) {
    return {"clock_GHz", fmt::format("must be at most {}, is {}", kMaxClockHz / 1e9, cluster.clock_hz / 1e9)};
  }
  if (!checked_product({cluster.nodes, cluster.devices_per_node})) {
    return {"nodes", "nodes x devices_per_node must be at most 2^53"};
  }
  return {};
}

JobFault check_work(const Scenario& s) {
  const ModelSpec& model = s.model;
  if (model.max_positions > 0 && s.seq_length > model.max_positions) {
    return {"seq_length", fmt::format("must be at most {}, max_positions of model \"{}\", is {}",
                                      model.max_positions, model.name, s.seq_length)};
  }
  if (!checked_product({4, model.layers(), model.hidden, std::max(model.hidden, model.widest_ffn())})) {
    return {"layers", "the model is too large: its weights must number at most 2^53"};
  }
  if (s.global_batch > kMaxGlobalBatch) {
    return {"global_batch", fmt::format("counts samples, not tokens; must be at most {}, is {}",
                                        kMaxGlobalBatch, s.global_batch)};
  }
  if (!checked_product({s.global_batch, s.seq_length})) {
    return {"global_batch", "global_batch x seq_length must be at most 2^53"};
  }
  if (!checked_product({s.seq_length, std::max(model.hidden, model.widest_ffn())}) ||
      !checked_product({s.seq_length, model.vocab})) {
    return {"seq_length", "seq_length x the widest layer must be at most 2^53"};
  }
  if (const auto what = unpriced(model, s.software.fusion))
    return {"model", fmt::format("\"{}\": {}", model.name, *what)};
  return {};
}

JobFault check_device(const Scenario& s) {
  const Device& device = s.hardware.device;
  if (peak_flop_per_s(device, s.precision) == 0) {
    return {"precision",
            fmt::format("hardware \"{}\" does not support {}: its device.peak_{}_TFLOPs is 0 or absent",
                        s.hardware.name, to_string(s.precision), to_string(s.precision))};
  }
  if (s.software.fusion.flash_attention && device.flash_forward_efficiency == 0) {
    return {"software", fmt::format("\"{}\" uses flash attention, but hardware \"{}\" has no "
                                    "device.flash_forward_efficiency",
                                    s.software.name, s.hardware.name)};
  }
  return {};
}

}  // namespace

Job job_of(const Scenario& scenario) {
  return {scenario.model, scenario.cluster, scenario.seq_length, scenario.global_batch};
}

Scenario apply(Scenario scenario, const Job& job) {
  scenario.model = job.model;
  scenario.cluster = job.cluster;
  scenario.seq_length = job.seq_length;
  scenario.global_batch = job.global_batch;
  return scenario;
}

JobFault check_job(const Scenario& scenario) {
  for (const auto check : {check_cluster, check_work, check_device}) {
    JobFault fault = check(scenario);
    if (!fault.key.empty()) return fault;
  }
  return {};
}

}  // namespace paraplan
