#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/outputs.h"
#include "costmodel/prediction.h"
#include "executor/data/batch.h"
#include "executor/run/trainer.h"

namespace paraplan {

// The command line of `run`.
struct RunOptions {
  std::string input;   // plan or scenario
  std::string layout;  // empty: the plan's
  std::string device = "cpu";
  std::optional<int64_t> ranks;
  std::string emulate;  // a rank, or "all-stages"; empty: all ranks run
  int64_t steps = 20;
  int64_t warmup_steps = 3;
  std::string data;  // empty: synthetic text
  std::string trace;
  std::string out;
  bool json = false;
  bool force = false;
};

// All that a run needs, checked.
struct RunSetup {
  TrainingJob job;
  Prediction prediction;
  std::string digest;  // of the scenario
  std::unique_ptr<SampleSource> samples;
  Outputs outputs;
  std::vector<int> emulated_ranks;  // empty: all ranks run
};

// Reads the files and checks everything that can be known before the first step. `launched_ranks`: processes
// that an MPI launcher has started; 0: none has. Throws InputError for what the user can put right, and
// std::runtime_error when the prediction does not fit in memory.
RunSetup set_up_run(const RunOptions& options, int64_t launched_ranks);

// What makes the prediction doubtful on this machine or is odd about the data, a sentence each. `transport`:
// "threads", "mpi" or "emulated".
std::vector<std::string> run_warnings(const RunSetup& setup, const std::string& machine, unsigned cores,
                                      const std::string& transport);

}  // namespace paraplan
