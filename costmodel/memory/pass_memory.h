#pragma once

#include <optional>
#include <vector>

#include "costmodel/memory/chunk_memory.h"
#include "costmodel/memory/pass_moments.h"
#include "costmodel/time/step_plan.h"

namespace paraplan {

// Memory of the ranks of a layout's stages that comes and goes with the passes.
class PassMemory {
 public:
  // Keeps the moments that `memo` has of the plan, which stay until it is asked for others.
  PassMemory(const StepPlan& plan, const SoftwareProfile& software, MomentsMemo& memo);

  // What the passes of a stage need at the moment of their largest sum; equals replayed_peak(). Found when
  // first asked for.
  const MemoryUse& peak(int64_t stage);
  // The same with the software's most wasteful loss; empty where all losses are alike.
  std::optional<MemoryUse> most_peak(int64_t stage) const;

  const ChunkMemory& of_chunk(int32_t chunk) const { return chunks_[static_cast<size_t>(chunk)]; }

 private:
  const std::vector<std::vector<PassMoment>>& moments_;  // by stage
  std::vector<ChunkMemory> chunks_, most_chunks_;        // by place in ModelSplit::chunks
  std::vector<std::optional<MemoryUse>> peaks_;          // by stage
};

}  // namespace paraplan
