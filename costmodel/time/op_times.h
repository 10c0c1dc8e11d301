#pragma once

#include <vector>

#include "costmodel/model/scenario.h"
#include "costmodel/time/op_time.h"
#include "costmodel/time/pipeline_replay.h"
#include "costmodel/time/step_plan.h"

namespace paraplan {

// What each op of one training step costs each pipeline stage, in the form the executor measures it: by
// block, pass and place in the op list, over all blocks of the kind and all micro-batches.
std::vector<std::vector<OpTime>> op_times(const Scenario& scenario, StepPlanner& planner,
                                          PipelineReplay& replay, const Layout& layout);

}  // namespace paraplan
