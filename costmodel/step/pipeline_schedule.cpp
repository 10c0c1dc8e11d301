#include "costmodel/step/pipeline_schedule.h"

#include <algorithm>

namespace paraplan {
namespace {

// The k-th forward (or backward) of the interleaved order.
PipelineStep interleaved_step(Pass pass, int64_t k, int64_t pipeline, int64_t virtual_stages) {
  const int64_t group = pipeline * virtual_stages;
  const int64_t chunk = k % group / pipeline;
  return {pass, k / group * pipeline + k % pipeline,
          pass == Pass::forward ? chunk : virtual_stages - 1 - chunk};
}

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
  const auto add = [&](Pass pass, int64_t k) {
    steps.push_back(interleaved_step(pass, k, pipeline, virtual_stages));
  };
  for (int64_t k = 0; k < warm; ++k) add(Pass::forward, k);
  for (int64_t k = warm; k < total; ++k) {
    add(Pass::forward, k);
    add(Pass::backward, k - warm);
  }
  for (int64_t k = total - warm; k < total; ++k) add(Pass::backward, k);
  return steps;
}

int64_t peak_in_flight(PipelineSchedule schedule, int64_t pipeline, int64_t stage, int64_t micro_batches,
                       int64_t virtual_stages) {
  const int64_t total = micro_batches * virtual_stages;
  return std::min(total, warm_up(schedule, pipeline, stage, total, virtual_stages) + 1);
}

}  // namespace paraplan
