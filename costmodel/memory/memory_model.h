#pragma once

#include "costmodel/base/categories.h"
#include "costmodel/model/scenario.h"
#include "costmodel/time/stage_cost.h"

namespace paraplan {

// Everything the memory of one stage depends on.
struct StageMemoryInput {
  std::vector<Chunk> chunks;  // virtual stages of this stage, by chunk
  int64_t stage = 0;
  int64_t micro_batches = 1;  // per step
  int64_t in_flight = 1;      // (micro-batch, chunk) pairs alive at the peak
  int64_t communicators = 0;  // of more than one rank
};

struct StageMemory {
  MemoryUse at_level;            // at the scenario's memory level; sums to the figure that is compared
  MemoryUse backward;            // allocated, at the peak of the backward passes
  MemoryUse device;              // at device level, whatever the device has
  double most_device_bytes = 0;  // the same with the software's most wasteful loss
  double host_bytes = 0;         // of one rank, for offloaded state
};

// Peak of one rank of a stage: the larger of two moments, the backward pass with the most activations alive
// (plus the transient of recompute or loss), and the optimizer step with its temporaries.
StageMemory stage_memory(const Scenario& scenario, const ModelCost& model, const Layout& layout,
                         const StageMemoryInput& stage);

// Activations that one micro-batch keeps alive on a virtual stage.
double saved_bytes(const ModelCost& model, const Chunk& chunk, const Layout& layout,
                   bool checkpoints_over_tensor);

}  // namespace paraplan
