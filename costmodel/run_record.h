#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "costmodel/base/machine_load.h"
#include "costmodel/model/layout.h"
#include "costmodel/model/scenario.h"
#include "costmodel/prediction.h"
#include "costmodel/time/op_time.h"

namespace paraplan {

// One training step of a run.
struct StepRecord {
  double loss = 0;           // mean over the global batch, before the update
  double gradient_norm = 0;  // before clipping
  double seconds = 0;        // slowest rank
  bool operator==(const StepRecord&) const = default;
};

// One rank of a run.
struct RankRecord {
  int64_t rank = 0, stage = 0;
  Breakdown breakdown;        // of a step: medians over the measured steps; sums to the rank's step time
  MemoryUse memory;           // bytes by category at the moment of the rank's largest total
  double host_bytes = 0;      // peak of offloaded state
  double reserved_bytes = 0;  // taken from the system by the executor's allocator, at most
  double resident_bytes = 0;  // of the process at the end (threads share one process)
  bool operator==(const RankRecord&) const = default;
};

// What was executed and measured.
struct RunRecord {
  std::string scenario;       // name
  std::string scenario_file;  // path it was read from
  std::string digest;         // scenario_digest() of the inputs; equal to the plan's
  Cluster cluster;            // the part that the layout ran on
  Layout layout;
  std::string device;        // "cpu"
  std::string transport;     // "threads", "mpi"; "emulated": each rank alone, one after the other
  std::string machine;       // processor, cores, libraries
  std::string date;          // ISO 8601, UTC
  int64_t warmup_steps = 0;  // the first ones, not counted in the medians
  bool complete = true;      // false: interrupted; the steps that were done are here
  std::vector<StepRecord> steps;
  double iteration_time_s = 0;                 // median of the measured steps
  double iteration_spread = 0;                 // (third - first quartile) / median
  std::optional<MachineLoad> load;             // while the measured steps ran; not always known
  std::vector<RankRecord> ranks;               // all; of an emulated run those that ran
  std::vector<std::vector<OpTime>> stage_ops;  // by pipeline stage: medians of one rank of the stage, if any

  bool is_emulated() const { return transport == "emulated"; }

  bool operator==(const RunRecord&) const = default;
};

// Time of a step in which the rank does not wait for other stages: all but bubble and pipeline communication.
double work_s(const RankRecord& rank);

// Of a run that has ranks; of equal ones the first.
// The rank whose work is longest: it paces the step.
const RankRecord& pacing_rank(const RunRecord& run);
// The rank with the largest memory total.
const RankRecord& fullest_rank(const RunRecord& run);

}  // namespace paraplan
