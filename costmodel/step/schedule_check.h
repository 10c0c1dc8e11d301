#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "costmodel/step/pipeline_schedule.h"

namespace paraplan {

// Checks the work lists of all stages of a pipeline (Narayanan et al. 2021, section 2.2: virtual stage i =
// chunk * pipeline + stage). Every micro-batch must go through every chunk once, forward, then back, as one
// pass or as data, then weight pass; and no stage may wait for what comes behind something that waits for it.
// Returns the first fault, as "stage 1: weight gradients of micro-batch 3, chunk 0 is missing"; empty: the
// schedule runs to its end, however long its passes take.
std::optional<std::string> schedule_fault(const std::vector<std::vector<PipelineStep>>& stages,
                                          int64_t micro_batches, int64_t virtual_stages);

}  // namespace paraplan
