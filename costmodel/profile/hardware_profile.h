#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "costmodel/base/machine_load.h"
#include "costmodel/profile/calibration_record.h"
#include "costmodel/profile/constant.h"
#include "costmodel/profile/samples.h"

namespace paraplan {

// Where and when the samples of a profile were measured.
struct MeasuredOn {
  std::string machine;                   // processor, cores
  std::string libraries;                 // with versions
  std::string transport;                 // of the collectives: "threads", "mpi"
  std::string date;                      // ISO 8601, UTC
  std::optional<MachineLoad> load = {};  // the worst while they were measured; not always known
  bool operator==(const MeasuredOn&) const = default;
};

// The processor that runs the ops: a GPU, or the cores of a CPU node.
struct Device {
  Constant memory_bytes;          // usable by the job
  Constant memory_bytes_per_s;    // peak
  Constant memory_efficiency;     // fraction of the peak that streaming kernels reach
  Constant peak_fp16_flop_per_s;  // dense, fp32 accumulation
  Constant peak_bf16_flop_per_s;  // 0: not supported
  Constant peak_fp32_flop_per_s;  // what training in fp32 uses (tf32 where the software does)
  Constant gemm_efficiency;       // fraction of the peak that a large GEMM reaches
  Constant sustained_rate;  // GEMM rate inside long training steps (power limit, heat) over that of short
                            // microbenchmarks
  Constant gemm_depth_overhead;      // prologue and epilogue of a tile, in elements of the reduction (k)
  Constant batched_gemm_efficiency;  // the same for the attention matmuls without flash attention
  Constant flash_forward_efficiency;
  Constant flash_backward_efficiency;
  Constant processors;  // streaming multiprocessors (or cores): tiles run in waves of this many
  Constant tile_rows;   // GEMM tile
  Constant tile_columns;
  Constant random_numbers_per_s;  // dropout masks; 0: free beside the memory traffic
  Constant kernel_floor_s;        // shortest time a kernel occupies the device
  Constant overlap_slowdown;      // factor on compute while a collective runs beside it (>= 1)
  Constant clock_hz;              // clock at which the peaks hold; 0: fixed clock, rows must not name another
  // Taken by context, kernels and libraries before anything is allocated; 0: not known. Counts where the
  // software has no figure of its own: see context_bytes() in scenario.h.
  Constant context_bytes;
  bool asynchronous_launch = true;  // false: the launching thread is the computing one (CPU)
  std::vector<GemmSample> gemm_samples;
  std::vector<AttentionSample> attention_samples;  // of kernels without any the efficiencies above hold
  std::vector<OpSample> op_samples;                // of this very machine; they go before everything above
};

// `ranks` of the samples that hold while `active` devices of the node are at work. Cores share caches and
// memory; processors behind a launch queue have their own, and their neighbours change nothing.
int64_t sample_ranks(const Device& device, int64_t active);

// Clock of a run over that of the profile. `clock_hz` 0: the profile's.
double clock_ratio(const Device& device, double clock_hz);

// At the profile's clock. 0: the device does not support the precision.
double peak_flop_per_s(const Device& device, Precision precision);

// The machine around the devices of a node.
struct Host {
  Constant memory_bytes;             // for offloaded state, per node
  Constant device_link_bytes_per_s;  // host <-> one device, one way (PCIe)
  Constant node_link_bytes_per_s;    // host <-> all devices of the node together
  Constant adam_parameters_per_s;    // CPU Adam of the whole node
  // Host time to queue one kernel from C++; 0: not known. Counts, unscaled, for software that has no figure
  // of its own: see launch_times() in scenario.h.
  Constant kernel_launch_s;
  Constant graph_launch_s;  // the same per kernel of a replayed graph; a record, no software replays graphs
};

// One way between the host and each of `devices` that copy at the same time.
double host_link_bytes_per_s(const Host& host, int64_t devices);

enum class NodeTopology {
  none,      // one device per node
  switched,  // any pair at full rate (NVSwitch)
  mesh,      // point-to-point links between pairs; other pairs go over the host
  host,      // everything over PCIe
};
const char* to_string(NodeTopology);

// Bonded links between two devices of a node.
struct LinkPair {
  int a = 0, b = 0, links = 0;
  bool operator==(const LinkPair&) const = default;
};

// Links between the devices of one node.
struct NodeLinks {
  NodeTopology topology = NodeTopology::none;
  int devices = 1;                        // per node
  std::vector<LinkPair> pairs;            // mesh only
  Constant links_per_device;              // switched only
  Constant link_bytes_per_s;              // one link, one direction (host: the PCIe share)
  Constant host_link_bytes_per_s;         // between devices that share no link
  Constant collective_efficiency;         // fraction of the ring's link rate that large collectives reach
  Constant latency_s;                     // once per collective
  Constant hop_s;                         // per step of the ring
  std::vector<CollectiveSample> samples;  // inside one node; they go before the formula
};

// Links between nodes.
struct Network {
  std::string name;
  std::string description;
  Constant nics_per_node;
  Constant nic_bytes_per_s;        // one NIC, one direction
  Constant collective_efficiency;  // fraction of it that large collectives reach
  Constant point_to_point_efficiency;
  Constant latency_s;  // once per collective or message
  Constant hop_s;      // per step between nodes
  Constant straggler;  // relative slowdown of a step per sqrt(log2(nodes)); slowest of many nodes
  std::optional<CalibrationRecord> calibration = {};
  std::vector<std::string> warnings = {};  // of its file: "FILE:LINE: KEY: what is odd"
  std::vector<std::string> files = {};     // it was read from: its own and its bases
};

struct HardwareProfile {
  std::string name;
  std::string description;
  Device device;
  Host host;
  NodeLinks node;
  std::optional<CalibrationRecord> calibration = {};
  std::optional<MeasuredOn> measured_on = {};
  std::vector<std::string> warnings = {};  // of its file
  std::vector<std::string> files = {};     // it was read from: its own, its bases, its tables of samples
};

}  // namespace paraplan
