#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "costmodel/step/pipeline_schedule.h"
#include "costmodel/step/split.h"
#include "costmodel/time/replay_order.h"

namespace paraplan {

// A pass of a stage begins while micro-batches are between their passes.
struct PassMoment {
  Pass pass = Pass::forward;
  int32_t chunk = 0;  // whose pass it is: place in ModelSplit::chunks
  // (Micro-batch, virtual stage) pairs by chunk: between forward and backward or data pass, and between data
  // and weight pass; that of a pass which goes back included.
  std::vector<int32_t> alive, waiting;

  bool operator==(const PassMoment&) const = default;
};

// Moments of a stage's schedule at which the memory of its passes may be largest: all but those at which
// another begins a pass of the same kind with no fewer pairs alive of any chunk. Exact, because no pair alive
// ever needs less than nothing.
std::vector<PassMoment> pass_moments(const ScheduleShape& shape, const ModelSplit& split, int64_t stage);

// The same for all stages, found once for layouts whose schedule and split are alike.
class MomentsMemo {
 public:
  const std::vector<std::vector<PassMoment>>& of(const ScheduleShape& shape, const ModelSplit& split);

 private:
  struct Entry {
    std::vector<int32_t> chunk_of;
    std::vector<std::vector<PassMoment>> stages;
  };
  std::map<ScheduleShape, Entry> entries_;
};

}  // namespace paraplan
