#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "costmodel/model/layout.h"
#include "costmodel/model/model_spec.h"
#include "costmodel/profile/hardware_profile.h"
#include "costmodel/profile/host_profile.h"
#include "costmodel/profile/software_profile.h"

namespace paraplan {

// What memory figure is meant. Allocated: live tensors. Reserved: what the caching allocator took from the
// device. Device: reserved plus context, libraries and communicators, as nvidia-smi shows it.
enum class MemoryLevel { allocated, reserved, device };
const char* to_string(MemoryLevel);

struct Cluster {
  int64_t nodes = 1;
  int64_t devices_per_node = 1;
  double clock_hz = 0;               // 0: the profile's
  double price_per_device_hour = 0;  // any currency; 0: unknown
  int64_t devices() const { return nodes * devices_per_node; }
  bool operator==(const Cluster&) const = default;
};

// Share of a device's memory that a layout must leave unused to be ranked, unless the user says otherwise.
inline constexpr double kDefaultHeadroom = 0.05;
inline constexpr double kLargestHeadroom = 0.9;

// Values the planner may choose from, per setting. Empty: the planner's own range.
struct SearchSpace {
  double headroom = kDefaultHeadroom;
  std::vector<int64_t> tensor, pipeline, context, virtual_stages, micro_batch, recompute_layers;
  std::vector<Recompute> recompute;
  std::vector<bool> sequence_parallel;
  std::vector<int> zero_stage;
  std::vector<Offload> offload;
  std::vector<PipelineSchedule> schedule;
};

// One training job on one cluster; with a Layout it is all a prediction needs.
struct Scenario {
  std::string name;
  std::string description;
  ModelSpec model;
  HardwareProfile hardware;
  HostProfile host;
  Network network;
  SoftwareProfile software;
  Cluster cluster;
  int64_t seq_length = 0;
  int64_t global_batch = 0;  // samples per step
  Precision precision = Precision::fp16;
  MemoryLevel memory_level = MemoryLevel::allocated;  // of the measured peak_memory_mib
  SearchSpace search;
  std::string measured_path;          // resolved; empty: none
  std::string path;                   // file it was read from. Empty: none
  std::vector<std::string> folders;   // where files that it names are looked for, its own folder first
  std::vector<std::string> warnings;  // of its file and of overrides, not of the profiles
  std::vector<std::string> files;  // it was made from: itself, model, profiles, their tables, measured rows
};

// Bytes of model state per parameter at the scenario's precision. fp32 weights are their own master copy and
// have fp32 gradients; the rest is as the software has it with 16-bit weights (Micikevicius et al. 2018).
struct StateSizes {
  double gradient = 0;          // held through the step
  double reduced_gradient = 0;  // on the wire in the gradient reduction
  double optimizer = 0;         // moments and master weights
  double update = 0;            // more while the optimizer runs
};
StateSizes state_sizes(const Scenario& scenario);

// What is odd, though no error, in the scenario and its profiles: "FILE:LINE: KEY: what".
std::vector<std::string> all_warnings(const Scenario& scenario);

// Peak of a device at the precision and the clock of the scenario.
double peak_flop_per_s(const Scenario& scenario);

// Host seconds on this machine to queue one kernel.
struct LaunchTimes {
  double forward_s = 0, backward_s = 0;
};

// The software's times on the scenario's host. One that is 0 means software that adds nothing to the bare
// launch: on a device with asynchronous launch it is the hardware's kernel_launch_s.
LaunchTimes launch_times(const Scenario& scenario);

// Memory outside the allocator before any communicator: the software's figure, or the hardware's where that
// is 0.
double context_bytes(const HardwareProfile& hardware, const SoftwareProfile& software);

}  // namespace paraplan
