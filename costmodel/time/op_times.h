#pragma once

#include <vector>

#include "costmodel/model/scenario.h"
#include "costmodel/time/op_time.h"
#include "costmodel/time/step_plan.h"
#include "costmodel/time/step_time.h"

namespace paraplan {

// What each op of one training step costs each pipeline stage, in the form the executor measures it: by
// block, walk and place in the list, over all blocks of the kind and all micro-batches. With the waits, which
// come last, every stage's seconds sum to the step's time.
std::vector<std::vector<OpTime>> op_times(const Scenario& scenario, const StepPlanner& planner,
                                          const StepPlan& plan, const StepTime& time, const Layout& layout);

// The part of the step's time that an op of a walk belongs to.
TimeCategory category_of(const OpKey& key, const Op& op);

}  // namespace paraplan
