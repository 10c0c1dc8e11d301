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
  std::vector<double> forward_s = {}, backward_s = {};  // of a schedule that splits them: data passes
  std::vector<double> weight_s = {};                    // weight passes; empty: there are none
  std::vector<double> send_forward_s = {};              // from i to i+1; last entry 0
  std::vector<double> send_backward_s = {};             // from i to i-1; first entry 0
  bool blocking_sends = false;                          // the sender computes nothing meanwhile

  // Of all passes of a micro-batch on a virtual stage, without sends.
  double busy_s(size_t i) const { return forward_s[i] + going_back_s(i); }
  double going_back_s(size_t i) const { return backward_s[i] + (weight_s.empty() ? 0 : weight_s[i]); }
  bool operator==(const PipelineTimes&) const = default;
};

// Ends of the stages' last passes, by formula.
struct EarliestEnds {
  std::vector<double> seconds;  // no replay ends earlier
  bool exact = false;           // nor later
};

// Longest of a few chains of passes that wait for each other. They are all there is under GPipe, of one
// micro-batch, and under 1F1B where the last stage, once it has begun, waits for nothing: where every other
// stage and the round trip of its messages to the next one take no longer than it, or what they take longer
// is made up for by stages in between.
EarliestEnds earliest_ends(const PipelineTimes& times, int64_t micro_batches);

struct ReplayedStep {
  int64_t stage = 0;
  PipelineStep step;
  double start_s = 0, end_s = 0;
  double sent_s = 0;  // arrival at the neighbour; end_s where nothing is sent
};

// End of each stage's last pass, pass by pass. `observe` sees every one, each after those it waits for.
std::vector<double> replay(const PipelineTimes& times, int64_t micro_batches,
                           const std::function<void(const ReplayedStep&)>& observe = {});

// The same ends for many steps: by formula where that is exact, else by a replay that stops when it repeats
// itself. The recurrence is linear over max and plus: once all that later passes wait for is later by one and
// the same time than some groups of micro-batches before, it stays so, and the rest is extrapolated.
class PipelineReplay {
 public:
  const std::vector<double>& stage_ends(const PipelineTimes& times, int64_t micro_batches);

 private:
  // What one pass takes.
  struct PassSeconds {
    double busy = 0;
    double send = 0;
  };
  // A cycle of the schedule: its length in groups, and how much later it ends each time.
  struct Cycle {
    int64_t groups = 0;
    double seconds = 0;
  };
  static std::vector<PassSeconds> pass_seconds(const PipelineTimes& times);
  const ReplayOrder& order_of(const PipelineTimes& times, int64_t micro_batches);
  void replay_to_end(const PipelineTimes& times, int64_t micro_batches);
  std::optional<Cycle> cycle(const ReplayOrder& order, int64_t groups) const;
  void run(const ReplayOrder& order, size_t from, size_t to);

  std::map<ScheduleShape, ReplayOrder> orders_;
  std::vector<PassSeconds> seconds_;    // by ReplayCell::pass
  std::vector<double> sent_;            // by cell
  std::vector<double> free_at_, ends_;  // by stage
  PipelineTimes last_times_;            // that ends_ belong to
  int64_t last_micro_batches_ = 0;      // 0: ends_ are of no replay
};

}  // namespace paraplan
