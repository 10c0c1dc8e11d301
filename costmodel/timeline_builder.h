#pragma once

#include "costmodel/prediction.h"
#include "costmodel/time/step_plan.h"
#include "costmodel/time/timeline.h"

namespace paraplan {

// Replays the step of `prediction` event by event on all stages: passes on the compute lane, messages and
// gradient reduction on the communication lane, then optimizer and per-step work. Ends at the predicted
// iteration time. Memory is the allocated bytes: state, and activations as they are born and die; the
// transient of a backward pass is alive while it runs.
Timeline build_timeline(const Scenario& scenario, StepPlanner& planner, PipelineReplay& replay,
                        const Prediction& prediction);

}  // namespace paraplan
