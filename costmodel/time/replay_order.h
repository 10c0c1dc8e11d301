#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "costmodel/model/layout.h"
#include "costmodel/step/pipeline_schedule.h"

namespace paraplan {

// A schedule whose order of passes does not depend on how long they take. Virtual stage i = chunk * pipeline
// + stage holds the i-th part of the model.
struct ScheduleShape {
  PipelineSchedule schedule = PipelineSchedule::one_f_one_b;
  int64_t pipeline = 1;
  int64_t virtual_stages = 1;
  int64_t micro_batches = 1;
  int64_t parts() const { return pipeline * virtual_stages; }
  int64_t passes() const { return parts() * (splits_backward(schedule) ? 3 : 2); }  // of a micro-batch
  auto operator<=>(const ScheduleShape&) const = default;
};

// One pass of one micro-batch on one virtual stage.
struct ReplayCell {
  int32_t after = 0;  // the cell whose output this one takes is so many places before; 0: it takes none
  // Virtual stage of a forward pass; parts() more for a backward or data pass, twice that for a weight pass.
  int32_t pass = 0;
  int32_t stage = 0;
  int32_t micro_batch = 0;
};

// The passes of a step, each behind its input and behind the pass before it on its stage. Timing them for
// given durations takes one walk through the list.
struct ReplayOrder {
  std::vector<ReplayCell> cells;
  // Where the order repeats: [group, drain) has, of every stage, the passes of `period` micro-batches. Steps
  // of more micro-batches do it more often; just before it the same cells have been done once.
  size_t group = 0, drain = 0;
  int64_t period = 0;         // 0: this order is of one step only
  int64_t micro_batches = 0;  // of `cells`
  // Places in a group of what later cells wait for: their inputs and the last pass of each stage.
  std::vector<size_t> carried;
};

// All passes of a step.
ReplayOrder whole_order(const ScheduleShape& shape);

// The shape whose repeating order serves `shape`: of fewer micro-batches, or the same if those are too few to
// repeat anything.
ScheduleShape repeating_shape(const ScheduleShape& shape);

// The order for a shape that is its own repeating_shape.
ReplayOrder repeating_order(const ScheduleShape& shape);

}  // namespace paraplan
