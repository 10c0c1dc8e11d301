#pragma once

#include "costmodel/memory/memory_change.h"
#include "costmodel/profile/software_profile.h"
#include "costmodel/time/stage_cost.h"

namespace paraplan {

// What the passes of one micro-batch on a virtual stage do to the memory of a rank. The forward pass leaves
// what the micro-batch keeps, which the backward pass takes away.
struct ChunkMemory {
  MemoryChange forward, backward;

  const MemoryUse& kept() const { return forward.delta; }
};

// `most`: with the software's most wasteful loss.
ChunkMemory chunk_memory(const ModelCost& model, const Chunk& chunk, const SoftwareProfile& software,
                         bool most = false);

}  // namespace paraplan
