#pragma once

#include <functional>
#include <vector>

#include "costmodel/base/categories.h"
#include "costmodel/time/step_plan.h"
#include "costmodel/time/tail_time.h"

namespace paraplan {

// What a pipeline stage spends time on outside ops.
enum class Wait : uint16_t {
  receive,           // messages on their way, waited for
  bubble,            // other stages before the end of the last backward pass
  other_stages,      // behind it: stages that are later or have more to update
  host_gap,          // the device waits for launches (or, of evenly spread work, works for other stages)
  host_micro_batch,  // work of the host per micro-batch
  host_update,       // launches of the update that last longer than its kernels
  host_step,         // work of the host per step
  straggler,         // the slowest of many nodes
};
inline constexpr int kWaits = 8;

// One of them in a step of a stage.
struct WaitTime {
  Wait wait = Wait::receive;
  double seconds = 0;
  int64_t calls = 0;  // messages; 0: it is not one by one
};

// How the pipeline stages spend a step. The seconds of every stage, ops and waits, sum to `step_s`.
class StepTime {
 public:
  // `ends`: of each stage's last backward pass. Keeps references to scenario, plan and what `tails`
  // remembers.
  StepTime(const Scenario& scenario, TailPricer& tails, const StepPlan& plan, const Layout& layout,
           std::vector<double> ends);

  double step_s() const { return step_s_; }
  double end_s(int64_t stage) const { return ends_[static_cast<size_t>(stage)]; }
  double sum_s() const { return sum_s_; }  // all ranks have what the sum over all of them takes
  const TailTime& tail(int64_t stage) const { return tails_[plan_.split.kind(stage)]; }

  void for_waits(int64_t stage, const std::function<void(const WaitTime&)>& visit) const;

  // Of the stage that paces the step, by category: the busiest one; the average one where the runtime spreads
  // the work evenly. And the device time of its passes by where the prices come from.
  Breakdown pacing_breakdown() const;
  PriceOrigins pacing_origins() const;

 private:
  // Of one micro-batch.
  struct StageWork {
    double busy_s = 0;
    double transfer_s = 0;  // of the messages that reach the stage
    int64_t messages = 0;
    Breakdown device;
    PriceOrigins origins;
  };
  StageWork work_of(int64_t stage) const;
  void time_tails(TailPricer& tails, const Layout& layout);
  Breakdown breakdown(int64_t stage) const;
  std::vector<int64_t> pacing_stages() const;
  double micro_batches() const { return static_cast<double>(plan_.micro_batches); }

  const Scenario& scenario_;
  const StepPlan& plan_;
  std::vector<double> ends_;
  std::vector<TailTime> tails_;  // by kind of stage
  int64_t pacing_ = 0;
  double pipeline_end_s_ = 0, sum_s_ = 0, from_sum_s_ = 0;
  double host_step_s_ = 0, straggler_s_ = 0, step_s_ = 0;
};

TimeCategory category_of(Wait wait);
const char* to_string(Wait wait);

}  // namespace paraplan
