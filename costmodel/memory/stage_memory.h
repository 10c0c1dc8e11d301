#pragma once

#include <vector>

#include "costmodel/base/categories.h"
#include "costmodel/memory/chunk_memory.h"
#include "costmodel/memory/pass_moments.h"
#include "costmodel/model/scenario.h"
#include "costmodel/time/step_plan.h"

namespace paraplan {

struct StageMemory {
  MemoryUse at_level;            // at the scenario's memory level; sums to the figure that is compared
  MemoryUse device;              // at device level, whatever the device has
  double most_device_bytes = 0;  // the same with the software's most wasteful loss
  double host_bytes = 0;         // of one rank, for offloaded state
};

// Memory of the ranks of a layout's stages, in bytes. A stage's peak is the larger of two: what its passes
// need at the worst moment of its schedule beside what is there all the time, and the optimizer step with its
// temporaries.
class LayoutMemory {
 public:
  // Keeps references to all of them.
  LayoutMemory(const Scenario& scenario, const Layout& layout, const StepPlan& plan, MomentsMemo& memo);

  StageMemory stage(int64_t stage) const;
  // Whether a stage needs no more than the one before it: it holds the same, and later stages never hold more
  // micro-batches at once. (With weight passes they do.)
  bool needs_no_more(int64_t stage) const;

  // What the passes of a stage need at the moment of their largest sum; equals replayed_peak().
  MemoryUse passes_peak(int64_t stage) const { return passes_peak(chunks_, stage); }
  // What is there beside that while passes run.
  MemoryUse beside_passes(int64_t stage) const;
  MemoryUse whole_passes(int64_t stage, const MemoryUse& peak) const;
  MemoryUse end_of_backward(int64_t stage) const;
  const ChunkMemory& of_virtual_stage(size_t i) const {
    return chunks_[static_cast<size_t>(plan_.split.chunk_of[i])];
  }

 private:
  // What a rank of a stage holds whatever its passes do.
  struct Held {
    double update_bytes = 0, host_bytes = 0;
    MemoryUse states, buffers;
  };
  Held held(int64_t stage) const;
  const Held& held_by(int64_t stage) const { return held_[held_of_[static_cast<size_t>(stage)]]; }
  MemoryUse passes_peak(const std::vector<ChunkMemory>& chunks, int64_t stage) const;
  // `parameters`: of a rank of the stage, before ZeRO.
  MemoryUse states(int64_t stage, double parameters, double& host_bytes) const;
  MemoryUse buffers(double parameters) const;
  double update_bytes(double parameters) const;
  double score_buffer_bytes(int64_t stage) const;
  double placeholder_bytes(int64_t stage) const;
  MemoryUse at_level(MemoryUse use, MemoryLevel level) const;

  const Scenario& scenario_;
  const Layout& layout_;
  const StepPlan& plan_;
  const std::vector<std::vector<PassMoment>>& moments_;  // by stage
  std::vector<ChunkMemory> chunks_, most_chunks_;        // by place in ModelSplit::chunks
  std::vector<Held> held_;                               // neighbours of equal chunks share one
  std::vector<size_t> held_of_;                          // by stage: place in held_
};

}  // namespace paraplan
