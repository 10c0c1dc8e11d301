#pragma once

#include <functional>
#include <memory>

#include "costmodel/model/scenario.h"
#include "costmodel/run_record.h"
#include "costmodel/time/timeline.h"
#include "executor/data/batch.h"
#include "executor/state/parameters.h"
#include "executor/worlds/communicator.h"

namespace paraplan {

struct OptimizerSettings {
  double learning_rate = 3e-4, beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8;
  double weight_decay = 0.1;  // of matrices and embeddings
  double clip_norm = 1;       // largest norm of all gradients together
};

struct TrainingJob {
  Scenario scenario;
  Layout layout;
  std::string device = "cpu";
  int64_t warmup_steps = 2;  // not counted in the medians
  int64_t steps = 5;         // measured
  uint64_t seed = 1;         // of the dropout masks
  OptimizerSettings optimizer;
  double memory_limit_bytes = 0;  // per rank; 0: none
  bool trace = false;             // keep the last step's timeline
};

// One rank's measurements.
struct RankReport {
  RankRecord record;
  std::vector<OpTime> ops;
  Timeline timeline;  // of the last step, with job.trace
};

struct TrainingResult {
  std::vector<StepRecord> steps;    // warm-up included
  bool complete = true;             // false: stopped by hooks.stop
  std::vector<RankReport> ranks;    // on rank 0: of all ranks; elsewhere empty; emulated: of the one
  std::optional<MachineLoad> load;  // on rank 0: during the measured steps; not always known
};

// What rank 0, or an emulated one, learns of the training as it goes on, and what a caller may do on every
// rank.
struct TrainingHooks {
  std::function<void(int64_t step, const StepRecord&)> after_step;  // rank 0
  // On rank 0, between steps, about every second: all that is known so far, `complete` being false.
  std::function<void(const TrainingResult& so_far)> progress;
  // On every rank, when gradients are complete and not yet clipped.
  std::function<void(int64_t step, int rank, Parameters&)> before_update;
  std::function<bool()> stop;  // asked on every rank after each step
};

// Trains as one rank of `world`, whose size is layout.devices(); `layout` passes check_layout. Throws
// std::runtime_error when the loss or the gradients stop being finite (the update is not done then),
// OutOfMemory, InputError for what the executor does not have.
TrainingResult train(World& world, const TrainingJob& job, const SampleSource& samples,
                     const TrainingHooks& hooks);

}  // namespace paraplan
