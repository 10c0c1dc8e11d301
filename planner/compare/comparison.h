#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "costmodel/io/plan_file.h"
#include "costmodel/prediction.h"
#include "costmodel/profile/hardware_profile.h"
#include "costmodel/run_record.h"
#include "costmodel/time/op_time.h"

namespace paraplan {

// One quantity on both sides, in seconds or bytes.
struct ComparedValue {
  double predicted = 0;
  double measured = 0;
  double difference() const { return measured - predicted; }
  double relative_error() const;  // predicted / measured - 1; NaN when nothing was measured
  bool operator==(const ComparedValue&) const = default;
};

struct ComparedTime {
  TimeCategory category = TimeCategory::other;
  ComparedValue seconds;
};

struct ComparedMemory {
  MemoryCategory category = MemoryCategory::parameters;
  ComparedValue bytes;
};

// An op of the pacing stage; one side may know nothing of it.
struct ComparedOp {
  std::optional<OpTime> predicted, measured;
  const OpTime& either() const { return measured ? *measured : *predicted; }
  // Seconds of a step; 0 on a side that does not know the op.
  ComparedValue seconds() const;
};

// A prediction and a run of the same layout, side by side. Lists are sorted by the size of the difference,
// the largest first; quantities that are 0 on both sides are left out.
struct Comparison {
  ComparedValue iteration_time_s;
  double spread_s = 0;                                // between the quartiles of the measured steps
  double fastest_s = 0;                               // of the measured steps
  std::optional<MachineLoad> run_load, profile_load;  // while the steps, while the profile was measured
  int64_t pacing_rank = 0;                            // measured; its stage is `pacing_stage`
  int64_t pacing_stage = 0;
  std::vector<ComparedTime> times;  // predicted and measured parts of the step, of the pacing rank
  std::vector<ComparedOp> ops;      // of the pacing stage, joined by OpTime::key
  int64_t fullest_rank = 0;         // measured
  int64_t fullest_stage = 0;
  ComparedValue peak_bytes;  // predicted for that rank's stage
  std::vector<ComparedMemory> memory;
  double reserved_bytes = 0, resident_bytes = 0;  // measured on that rank
};

// `predicted_ops` are by pipeline stage. The run must hold a measured step, and a rank.
// `profile`: the hardware's, by which the prediction was made.
Comparison compare(const Prediction& prediction, const std::vector<std::vector<OpTime>>& predicted_ops,
                   const RunRecord& run, const HardwareProfile& profile);

// Throws InputError at a measured op that the predicted ones of its stage do not know.
void refuse_unknown_ops(const std::vector<std::vector<OpTime>>& predicted_ops, const RunRecord& run,
                        const std::string& run_path);

// What explains most of the difference, in one sentence; in another one, that only some steps were slow.
std::string largest_cause(const Comparison& comparison);

// Throws InputError at the file that does not fit the other ones: the digest of the scenario as it is read
// now must be the plan's, the run's digest and layout must be the plan's, and a step must have been measured.
void refuse_mismatch(const std::string& scenario_digest, const PlanFile& plan, const std::string& plan_path,
                     const RunRecord& run, const std::string& run_path);

}  // namespace paraplan
