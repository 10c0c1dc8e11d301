#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <tuple>
#include <vector>

#include "costmodel/pipeline_schedule.h"

namespace paraplan {

// Durations of the passes of one micro-batch. Virtual stage i = chunk * pipeline + stage holds the i-th part
// of the model; vectors are indexed by it.
struct PipelineTimes {
  PipelineSchedule schedule = PipelineSchedule::one_f_one_b;
  int64_t pipeline = 1;
  int64_t virtual_stages = 1;
  std::vector<double> forward_s = {}, backward_s = {};
  std::vector<double> send_forward_s = {};   // from i to i+1; last entry unused
  std::vector<double> send_backward_s = {};  // from i to i-1; first entry unused
  bool blocking_sends = false;               // the sender computes nothing meanwhile
};

struct ReplayedStep {
  int64_t stage = 0;
  PipelineStep step;
  double start_s = 0, end_s = 0;
  double sent_s = 0;  // arrival at the neighbour; end_s where nothing is sent
};

// Replays the schedule event by event, and extrapolates long steps from short ones.
class PipelineReplay {
 public:
  // End of each stage's last pass for `micro_batches`, replaying every one. `observe` sees every pass.
  std::vector<double> replay(const PipelineTimes& times, int64_t micro_batches,
                             const std::function<void(const ReplayedStep&)>& observe = {});

  // The same in time that does not grow with the number of micro-batches: after warm-up the schedule repeats
  // itself every `pipeline` micro-batches, so the ends grow by the same amount each period. Periods are
  // replayed until two in a row agree.
  const std::vector<double>& stage_ends(const PipelineTimes& times, int64_t micro_batches);

 private:
  using ScheduleKey = std::tuple<PipelineSchedule, int64_t, int64_t, int64_t>;
  const std::vector<std::vector<PipelineStep>>& schedules(const PipelineTimes& times, int64_t micro_batches);

  std::map<ScheduleKey, std::vector<std::vector<PipelineStep>>> schedules_;
  std::vector<double> forward_done_, backward_done_;  // by virtual stage and micro-batch; scratch
  std::vector<double> ends_;
};

}  // namespace paraplan
