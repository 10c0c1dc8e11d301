#include "costmodel/step/pipeline_schedule.h"

#include <algorithm>

namespace paraplan {
namespace {

// The forward passes of the interleaved order, or the backward ones, one after the other: `pipeline`
// micro-batches through a chunk, the same through the next, and on to the next micro-batches.
class InterleavedPasses {
 public:
  InterleavedPasses(Pass pass, int64_t pipeline, int64_t virtual_stages)
      : pass_(pass), pipeline_(pipeline), virtual_stages_(virtual_stages) {}

  PipelineStep next() {
    const PipelineStep step{pass_, first_ + place_,
                            pass_ == Pass::forward ? chunk_ : virtual_stages_ - 1 - chunk_};
    if (++place_ < pipeline_) return step;
    place_ = 0;
    if (++chunk_ < virtual_stages_) return step;
    chunk_ = 0;
    first_ += pipeline_;
    return step;
  }

 private:
  Pass pass_;
  int64_t pipeline_, virtual_stages_;
  int64_t first_ = 0, place_ = 0, chunk_ = 0;
};

// Warm-up forwards before the first backward.
int64_t warm_up(PipelineSchedule schedule, int64_t pipeline, int64_t stage, int64_t total,
                int64_t virtual_stages) {
  switch (schedule) {
    case PipelineSchedule::gpipe:
      return total;
    case PipelineSchedule::one_f_one_b:
      return std::min(pipeline - stage - 1, total);
    case PipelineSchedule::interleaved:
      return std::min(2 * (pipeline - stage - 1) + (virtual_stages - 1) * pipeline, total);
  }
  return total;
}

}  // namespace

std::vector<PipelineStep> stage_schedule(PipelineSchedule schedule, int64_t pipeline, int64_t stage,
                                         int64_t micro_batches, int64_t virtual_stages) {
  const int64_t total = micro_batches * virtual_stages;
  const int64_t warm = warm_up(schedule, pipeline, stage, total, virtual_stages);
  std::vector<PipelineStep> steps;
  steps.reserve(static_cast<size_t>(2 * total));
  InterleavedPasses forward(Pass::forward, pipeline, virtual_stages);
  InterleavedPasses backward(Pass::backward, pipeline, virtual_stages);
  for (int64_t k = 0; k < warm; ++k) steps.push_back(forward.next());
  for (int64_t k = warm; k < total; ++k) {
    steps.push_back(forward.next());
    steps.push_back(backward.next());
  }
  for (int64_t k = total - warm; k < total; ++k) steps.push_back(backward.next());
  return steps;
}

int64_t peak_in_flight(PipelineSchedule schedule, int64_t pipeline, int64_t stage, int64_t micro_batches,
                       int64_t virtual_stages) {
  const int64_t total = micro_batches * virtual_stages;
  return std::min(total, warm_up(schedule, pipeline, stage, total, virtual_stages) + 1);
}

}  // namespace paraplan
