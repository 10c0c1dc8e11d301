#pragma once

#include <cstdint>
#include <vector>

#include "costmodel/model/layout.h"
#include "costmodel/ops/op_key.h"

namespace paraplan {

// One entry of a stage's work list.
struct PipelineStep {
  Pass pass = Pass::forward;
  int64_t micro_batch = 0;
  int64_t chunk = 0;  // virtual stage of this stage, 0 .. v-1
  bool operator==(const PipelineStep&) const = default;
};

// Whether a micro-batch has a data and a weight pass in place of a backward pass.
bool splits_backward(PipelineSchedule schedule);

// What stage `stage` of `pipeline` does in one training step, in order.
//   gpipe        all forward passes, then all backward passes (Huang et al. 2019)
//   1f1b         pipeline-1-stage warm-up forwards, then one forward and one backward in turn (Narayanan et
//                al. 2019)
//   interleaved  the same over chunks, micro-batches in groups of `pipeline` (Narayanan et al. 2021, section
//                2.2); needs micro_batches divisible by pipeline
//   zb-h1        1F1B with weight passes `stage` micro-batches behind the data passes, so that no stage keeps
//                more than the first of 1F1B (Qi et al. 2023, "Zero Bubble Pipeline Parallelism")
std::vector<PipelineStep> stage_schedule(PipelineSchedule schedule, int64_t pipeline, int64_t stage,
                                         int64_t micro_batches, int64_t virtual_stages);

// How a stage's list goes on however many micro-batches there are: behind the first `before` entries, rounds
// of `entries` with every pass of `micro_batches` micro-batches.
struct ScheduleRounds {
  int64_t before = 0;
  int64_t forwards = 0;  // forward passes among them
  int64_t entries = 0;
  int64_t micro_batches = 0;  // 0: there are no rounds
};
ScheduleRounds schedule_rounds(PipelineSchedule schedule, int64_t pipeline, int64_t stage,
                               int64_t virtual_stages);

// Largest number of (micro-batch, chunk) pairs that a stage keeps something of at once: those of the warm-up,
// the one that goes through, and those whose weight passes wait.
int64_t peak_in_flight(PipelineSchedule schedule, int64_t pipeline, int64_t stage, int64_t micro_batches,
                       int64_t virtual_stages);

}  // namespace paraplan
