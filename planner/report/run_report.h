#pragma once

#include <cstdint>
#include <string>

#include "costmodel/model/scenario.h"
#include "costmodel/prediction.h"
#include "costmodel/run_record.h"

namespace paraplan {

// One line for a finished step, counted from 0, with a line break. An emulated one has no loss.
std::string step_line(const Scenario& scenario, int64_t step, const StepRecord& record,
                      bool is_emulated = false);

// What was measured beside what was predicted, as text for a terminal. The run has ranks.
std::string run_report(const Scenario& scenario, const RunRecord& run, const Prediction& prediction);

// As `run --json` prints it: the whole run, and the prediction as `predict --json` has it. Numbers are SI.
std::string run_json(const Scenario& scenario, const RunRecord& run, const Prediction& prediction);

}  // namespace paraplan
