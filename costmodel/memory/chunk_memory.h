#pragma once

#include "costmodel/memory/memory_change.h"
#include "costmodel/profile/software_profile.h"
#include "costmodel/step/pipeline_schedule.h"
#include "costmodel/time/stage_cost.h"

namespace paraplan {

// What the passes of one micro-batch on a virtual stage do to the memory of a rank. The forward pass leaves
// what the micro-batch keeps, which the backward pass takes away; or, where the schedule splits it, the data
// pass in part and the weight pass to the end.
struct ChunkMemory {
  MemoryChange forward, backward, weight;

  const MemoryChange& of(Pass pass) const {
    return pass == Pass::forward ? forward : pass == Pass::weight ? weight : backward;
  }
  const MemoryUse& kept() const { return forward.delta; }
  // Between data and weight pass.
  MemoryUse kept_for_weights() const {
    MemoryUse use = forward.delta;
    use += backward.delta;
    return use;
  }
};

// `split`: the schedule has weight passes. `most`: with the software's most wasteful loss.
ChunkMemory chunk_memory(const ModelCost& model, const Chunk& chunk, const SoftwareProfile& software,
                         bool split, bool most = false);

}  // namespace paraplan
