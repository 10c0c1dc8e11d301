#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "costmodel/model/layout.h"

namespace paraplan {

// A schedule whose order of passes does not depend on how long they take. Virtual stage i = chunk * pipeline
// + stage holds the i-th part of the model.
struct ScheduleShape {
  PipelineSchedule schedule = PipelineSchedule::one_f_one_b;
  int64_t pipeline = 1;
  int64_t virtual_stages = 1;
  int64_t micro_batches = 1;
  int64_t parts() const { return pipeline * virtual_stages; }
  auto operator<=>(const ScheduleShape&) const = default;
};

// One pass of one micro-batch on one virtual stage.
struct ReplayCell {
  int32_t after = 0;  // 1 + the index of the cell whose output this one takes; 0: of none
  int32_t pass = 0;   // virtual stage of a forward pass; parts() more for a backward pass
  int32_t stage = 0;
  int32_t micro_batch = 0;
};

// All passes of a step, each behind its input and behind the pass before it on its stage. Timing them for
// given durations takes one walk through the list.
std::vector<ReplayCell> replay_order(const ScheduleShape& shape);

}  // namespace paraplan
