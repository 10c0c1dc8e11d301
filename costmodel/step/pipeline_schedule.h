#pragma once

#include <cstdint>
#include <vector>

#include "costmodel/model/layout.h"

namespace paraplan {

enum class Pass { forward, backward };

// One entry of a stage's work list.
struct PipelineStep {
  Pass pass = Pass::forward;
  int64_t micro_batch = 0;
  int64_t chunk = 0;  // virtual stage of this stage, 0 .. v-1
  bool operator==(const PipelineStep&) const = default;
};

// What stage `stage` of `pipeline` does in one training step, in order.
//   gpipe        all forward passes, then all backward passes (Huang et al. 2019)
//   1f1b         pipeline-1-stage warm-up forwards, then one forward and one backward in turn (Narayanan et
//   al. 2019) interleaved  the same over chunks, micro-batches in groups of `pipeline` (Narayanan et al.
//   2021, section 2.2);
//                needs micro_batches divisible by pipeline
std::vector<PipelineStep> stage_schedule(PipelineSchedule schedule, int64_t pipeline, int64_t stage,
                                         int64_t micro_batches, int64_t virtual_stages);

// Largest number of (micro-batch, chunk) pairs whose activations are alive at once on a stage: those of the
// warm-up and the one that goes through.
int64_t peak_in_flight(PipelineSchedule schedule, int64_t pipeline, int64_t stage, int64_t micro_batches,
                       int64_t virtual_stages);

}  // namespace paraplan
