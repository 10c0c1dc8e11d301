#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "costmodel/step/pipeline_schedule.h"
#include "costmodel/time/replay_order.h"

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
  bool operator==(const PipelineTimes&) const = default;
};

// Ends of the stages that no schedule can beat: a stage works without a pause from its first input on, and
// its last backward pass still has to travel down to the first stage.
std::vector<double> earliest_ends(const PipelineTimes& times, int64_t micro_batches);

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

  // The same, in time that hardly grows with the number of micro-batches: a max-plus linear system ends up in
  // a cycle, in which every pass is later than the same pass some micro-batches before by one and the same
  // time. Replays get longer until they show it; the rest is extrapolated, exactly.
  const std::vector<double>& stage_ends(const PipelineTimes& times, int64_t micro_batches);

 private:
  const std::vector<ReplayCell>& order_of(const ScheduleShape& shape);
  void find_ends(const PipelineTimes& times, int64_t micro_batches);
  void gpipe_ends(const PipelineTimes& times, int64_t micro_batches);
  // A cycle of the schedule: its length, and how much later it ends each time.
  struct Steady {
    int64_t micro_batches = 0;
    double seconds = 0;
  };
  std::optional<Steady> steady_state(const PipelineTimes& times, int64_t micro_batches) const;
  std::optional<double> steady_growth(const PipelineTimes& times, int64_t micro_batches,
                                      int64_t period) const;

  std::map<ScheduleShape, std::vector<ReplayCell>> orders_;
  size_t kept_cells_ = 0;            // in orders_
  std::vector<double> done_, sent_;  // scratch: by pass and micro-batch, by 1 + cell
  std::vector<double> ends_;
  PipelineTimes last_times_;        // that ends_ belong to
  int64_t last_micro_batches_ = 0;  // 0: ends_ are of nothing yet
};

}  // namespace paraplan
