#pragma once

#include "costmodel/memory/memory_model.h"

namespace paraplan {

// Working memory and activations of a stage at the moment of their largest sum, followed through the stage's
// schedule: what is kept comes with a forward pass and goes with its backward pass, working tensors live from
// first write to last use, block by block (lifetimes.h). Weights and gradients that a pass needs whole under
// ZeRO 2 and 3 are communication_buffers of their block. For software with memory.replays_lifetimes.
MemoryUse replayed_peak(const Scenario& scenario, const ModelCost& model, const Layout& layout,
                        const StageMemoryInput& stage);

}  // namespace paraplan
