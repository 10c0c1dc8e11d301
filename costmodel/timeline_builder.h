#pragma once

#include "costmodel/memory/stage_memory.h"
#include "costmodel/time/step_time.h"
#include "costmodel/time/timeline.h"

namespace paraplan {

// The step event by event on all stages: passes and kernels on the compute lane, messages and
// collectives of the step's end on the communication lane. Ends at the predicted iteration time. Memory is
// the allocated bytes; while a pass runs, at its largest.
Timeline build_timeline(const StepPlan& plan, const StepTime& time, const LayoutMemory& memory);

}  // namespace paraplan
