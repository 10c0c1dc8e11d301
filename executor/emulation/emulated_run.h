#pragma once

#include <vector>

#include "executor/run/trainer.h"

namespace paraplan {

// Trains as each of `ranks` of the job's layout, one after the other, each alone in an EmulatedWorld. The
// result holds their reports; a step's seconds are those of the slowest of them, and it has no loss.
TrainingResult train_emulated(const TrainingJob& job, const std::vector<int>& ranks,
                              const SampleSource& samples, const TrainingHooks& hooks);

}  // namespace paraplan
