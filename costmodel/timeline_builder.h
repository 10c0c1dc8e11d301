#pragma once

#include "costmodel/prediction.h"
#include "costmodel/time/step_time.h"
#include "costmodel/time/timeline.h"

namespace paraplan {

// The step of `prediction` event by event on all stages: passes and kernels on the compute lane, messages and
// collectives of the step's end on the communication lane. Ends at the predicted iteration time. Memory is
// the allocated bytes: state, and activations as they are born and die; the transient of a backward pass is
// alive while it runs.
Timeline build_timeline(const Scenario& scenario, const StepPlan& plan, const StepTime& time,
                        PipelineReplay& replay, const Prediction& prediction);

}  // namespace paraplan
