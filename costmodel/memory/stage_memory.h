#pragma once

#include <vector>

#include "costmodel/base/categories.h"
#include "costmodel/memory/pass_memory.h"
#include "costmodel/model/scenario.h"
#include "costmodel/time/step_plan.h"

namespace paraplan {

struct StageMemory {
  MemoryUse at_level;  // at the scenario's memory level; sums to the figure that is compared
  // At device level, whatever the device has:
  double most_device_bytes = 0;   // with the software's most wasteful loss
  double least_device_bytes = 0;  // with the usual loss, without what the allocator can give back
  double host_bytes = 0;          // of one rank, for offloaded state
};

// Memory of the ranks of a layout's stages, in bytes. A stage's peak is the larger of two: what its passes
// need at the worst moment of its schedule beside what is there all the time, and the optimizer step with its
// temporaries.
class LayoutMemory {
 public:
  // Keeps references to all of them.
  LayoutMemory(const Scenario& scenario, const Layout& layout, const StepPlan& plan, PassMemory& passes);

  StageMemory stage(int64_t stage) const;
  // Whether a stage needs no more than the first of its kind: it holds the same, and later stages never hold
  // more micro-batches at once. (With weight passes they do.)
  bool needs_no_more(int64_t stage) const;

  // What a stage has beside the needs of its passes while they run.
  const MemoryUse& beside_passes(int64_t stage) const { return held_by(stage).beside_passes; }
  const ChunkMemory& of_virtual_stage(size_t i) const { return passes_.of_chunk(plan_.split.chunk_of[i]); }

 private:
  // What a rank of a stage holds whatever its passes do.
  struct Held {
    double host_bytes = 0;
    MemoryUse states, beside_passes, updating;
  };
  Held held(int64_t stage) const;
  const Held& held_by(int64_t stage) const { return held_[plan_.split.kind(stage)]; }
  // `parameters`: of a rank of the stage, before ZeRO.
  MemoryUse states(int64_t stage, double parameters, double& host_bytes) const;
  MemoryUse buffers(double parameters) const;
  // `peak`: of the passes.
  MemoryUse whole_passes(int64_t stage, const MemoryUse& peak) const;
  MemoryUse end_of_backward(int64_t stage) const;
  double update_bytes(double parameters) const;
  double score_buffer_bytes(int64_t stage) const;
  double placeholder_bytes(int64_t stage) const;
  MemoryUse at_level(MemoryUse use, double slack_bytes) const;
  double slack_bytes(double allocated_bytes) const;

  const Scenario& scenario_;
  const Layout& layout_;
  const StepPlan& plan_;
  PassMemory& passes_;
  double outside_bytes_ = 0;  // of the allocator: context and communicators
  std::vector<Held> held_;    // by kind of stage
};

}  // namespace paraplan
