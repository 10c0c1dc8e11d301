#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace paraplan {

enum class Lane {
  compute,
  communication,  // collectives of the step's end
  messages,       // between pipeline stages
};

// One bar of a timeline: a step of the schedule on one pipeline stage.
struct TimelineEvent {
  int64_t stage = 0;
  Lane lane = Lane::compute;
  std::string
      name;  // "forward", "backward", "recompute", "send forward", "reduce gradients", "optimizer" ...
  double start_s = 0, end_s = 0;
  int64_t micro_batch = -1;  // -1: not of one micro-batch
  int64_t chunk = 0;         // virtual stage
};

// Memory of one stage from this time on.
struct MemorySample {
  int64_t stage = 0;
  double time_s = 0;
  double bytes = 0;
};

// One training step on all pipeline stages, predicted or measured.
struct Timeline {
  std::vector<TimelineEvent> events;
  std::vector<MemorySample> memory;
  double end_s = 0;
};

}  // namespace paraplan
