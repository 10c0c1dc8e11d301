#include "costmodel/time/replay_order.h"

#include <cassert>
#include <limits>

#include "costmodel/step/pipeline_schedule.h"

namespace paraplan {
namespace {

constexpr int32_t kNotYet = -1;

// Walks the work lists of all stages, each as far as its inputs allow.
class ListWalk {
 public:
  explicit ListWalk(const ScheduleShape& shape)
      : shape_(shape),
        places_(static_cast<size_t>(2 * shape.parts() * shape.micro_batches), kNotYet),
        next_(static_cast<size_t>(shape.pipeline), 0) {
    assert(places_.size() < static_cast<size_t>(std::numeric_limits<int32_t>::max()));
    cells_.reserve(places_.size());
    for (int64_t s = 0; s < shape.pipeline; ++s)
      lists_.push_back(
          stage_schedule(shape.schedule, shape.pipeline, s, shape.micro_batches, shape.virtual_stages));
  }

  std::vector<ReplayCell> run() {
    for (bool moved = true; moved;) {
      moved = false;
      for (int64_t s = 0; s < shape_.pipeline; ++s) moved |= advance(s);
      for (int64_t s = shape_.pipeline - 1; s >= 0; --s) moved |= advance(s);
    }
    assert(cells_.size() == places_.size());
    return std::move(cells_);
  }

 private:
  // Says whether the stage moved.
  bool advance(int64_t stage) {
    const auto& list = lists_[static_cast<size_t>(stage)];
    size_t& next = next_[static_cast<size_t>(stage)];
    const size_t first = next;
    for (; next < list.size(); ++next) {
      const PipelineStep& step = list[next];
      const int64_t part = step.chunk * shape_.pipeline + stage;
      const int64_t pass = step.pass == Pass::forward ? part : shape_.parts() + part;
      const int32_t after = input_of(step, part);
      if (after == kNotYet) break;
      cells_.push_back({after, static_cast<int32_t>(pass), static_cast<int32_t>(stage),
                        static_cast<int32_t>(step.micro_batch)});
      place(pass, step.micro_batch) = static_cast<int32_t>(cells_.size());
    }
    return next > first;
  }

  // 1 + the index of the cell that a pass waits for; 0: none; kNotYet: that one is still to come.
  int32_t input_of(const PipelineStep& step, int64_t part) {
    const int64_t last = shape_.parts() - 1;
    if (step.pass == Pass::forward) return part == 0 ? 0 : place(part - 1, step.micro_batch);
    return place(part == last ? last : shape_.parts() + part + 1, step.micro_batch);
  }

  int32_t& place(int64_t pass, int64_t micro_batch) {
    return places_[static_cast<size_t>(pass * shape_.micro_batches + micro_batch)];
  }

  ScheduleShape shape_;
  std::vector<std::vector<PipelineStep>> lists_;  // by stage
  std::vector<int32_t> places_;                   // 1 + index of the cell, by pass and micro-batch
  std::vector<size_t> next_;                      // by stage
  std::vector<ReplayCell> cells_;
};

}  // namespace

std::vector<ReplayCell> replay_order(const ScheduleShape& shape) {
  return ListWalk(shape).run();
}

}  // namespace paraplan
