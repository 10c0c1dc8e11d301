#pragma once

#include "costmodel/base/categories.h"
#include "costmodel/model/scenario.h"
#include "costmodel/step/split.h"

namespace paraplan {

// What the passes of a stage need at the moment of their largest sum, found tensor by tensor: every birth and
// death of every block in the order of the stage's schedule. What LayoutMemory folds; slow, and free of its
// shortcuts.
MemoryUse replayed_peak(const Scenario& scenario, const Layout& layout, const ModelSplit& split,
                        int64_t stage, int64_t micro_batches);

}  // namespace paraplan
