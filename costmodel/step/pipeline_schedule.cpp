#include "costmodel/step/pipeline_schedule.h"

#include <algorithm>

namespace paraplan {
namespace {

// One kind of pass of a stage, micro-batch after micro-batch. Interleaved, `pipeline` micro-batches go
// through a chunk, the same through the next, and on to the next micro-batches.
class PassOrder {
 public:
  PassOrder(Pass pass, int64_t pipeline, int64_t virtual_stages)
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

// Forward passes before the first backward pass, beside the one right in front of it. -1: all.
int64_t warm_up(PipelineSchedule schedule, int64_t pipeline, int64_t stage, int64_t virtual_stages) {
  switch (schedule) {
    case PipelineSchedule::gpipe:
      return -1;
    case PipelineSchedule::one_f_one_b:
    case PipelineSchedule::zb_h1:
      return pipeline - stage - 1;
    case PipelineSchedule::interleaved:
      return 2 * (pipeline - stage - 1) + (virtual_stages - 1) * pipeline;
  }
  return -1;
}

// Data passes whose weight passes wait.
int64_t waiting_weights(PipelineSchedule schedule, int64_t stage) {
  return splits_backward(schedule) ? stage : 0;
}

}  // namespace

bool splits_backward(PipelineSchedule schedule) {
  return schedule == PipelineSchedule::zb_h1;
}

std::vector<PipelineStep> stage_schedule(PipelineSchedule schedule, int64_t pipeline, int64_t stage,
                                         int64_t micro_batches, int64_t virtual_stages) {
  const int64_t total = micro_batches * virtual_stages;
  int64_t warm = warm_up(schedule, pipeline, stage, virtual_stages);
  if (warm < 0 || warm > total) warm = total;
  const bool split = splits_backward(schedule);
  std::vector<PipelineStep> steps;
  steps.reserve(static_cast<size_t>((split ? 3 : 2) * total));
  PassOrder forward(Pass::forward, pipeline, virtual_stages);
  PassOrder backward(split ? Pass::data : Pass::backward, pipeline, virtual_stages);
  PassOrder weight(Pass::weight, pipeline, virtual_stages);
  int64_t waiting = 0;  // weight passes
  for (int64_t k = 0; k < warm; ++k) steps.push_back(forward.next());
  for (int64_t k = 0; k < total; ++k) {
    if (k + warm < total) steps.push_back(forward.next());
    steps.push_back(backward.next());
    if (!split) continue;
    if (waiting == waiting_weights(schedule, stage)) {
      steps.push_back(weight.next());
    } else {
      ++waiting;
    }
  }
  for (; waiting > 0; --waiting) steps.push_back(weight.next());
  return steps;
}

ScheduleRounds schedule_rounds(PipelineSchedule schedule, int64_t pipeline, int64_t stage,
                               int64_t virtual_stages) {
  const int64_t warm = warm_up(schedule, pipeline, stage, virtual_stages);
  if (warm < 0) return {};
  const int64_t waiting = waiting_weights(schedule, stage);  // so many pairs of passes before the first
  const int64_t period = schedule == PipelineSchedule::interleaved ? pipeline : 1;
  return {.before = warm + 2 * waiting,
          .forwards = warm + waiting,
          .entries = (splits_backward(schedule) ? 3 : 2) * period * virtual_stages,
          .micro_batches = period};
}

int64_t peak_in_flight(PipelineSchedule schedule, int64_t pipeline, int64_t stage, int64_t micro_batches,
                       int64_t virtual_stages) {
  const int64_t total = micro_batches * virtual_stages;
  const int64_t warm = warm_up(schedule, pipeline, stage, virtual_stages);
  return warm < 0 ? total : std::min(total, warm + waiting_weights(schedule, stage) + 1);
}

}  // namespace paraplan
