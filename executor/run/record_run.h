#pragma once

#include <string>

#include "costmodel/run_record.h"
#include "costmodel/time/timeline.h"
#include "executor/run/trainer.h"

namespace paraplan {

// What a run file says beside the job and its measurements.
struct RunOrigin {
  std::string digest;  // of the scenario
  std::string transport;
  std::string machine;
  std::string date;
};

// The record of a training, from what rank 0 knows of it. Medians are over the steps after the warm-up; a
// training interrupted before has a step time of 0. Of each stage's ranks, the one with the longest work
// gives the stage's ops.
RunRecord record_run(const TrainingJob& job, const TrainingResult& result, const RunOrigin& origin);

// The last step of one rank of each stage, the same ranks as in record_run.
Timeline stage_timelines(const TrainingJob& job, const TrainingResult& result);

}  // namespace paraplan
