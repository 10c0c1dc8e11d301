#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "costmodel/ops/op.h"
#include "costmodel/time/op_time.h"
#include "costmodel/time/step_time.h"
#include "costmodel/time/timeline.h"

namespace paraplan {

double now_s();  // monotonic, common to all ranks of one machine

// Times one rank, step by step: every op of the op list, collectives of the model state, messages, and the
// passes of the schedule.
class StepClock {
 public:
  explicit StepClock(int64_t stage) : stage_(stage) {}

  void begin_step();
  void end_step();
  // Forgets the steps so far (warm-up), but keeps their number.
  void forget();

  // An op of a walk: of a pass, or of the tail. `calls` 0: a part of the work that is done ahead.
  void add(const OpKey& key, const Op& op, double seconds, int64_t calls = 1);
  void add_pass(const char* name, double start_s, double end_s, int64_t micro_batch, int64_t chunk);
  // A message that was waited for: the part before it was on its way is a bubble.
  void add_receive(double waited_s, double transfer_s);

  // Of the steps since forget(): medians per op, and the breakdown of the rank's step.
  std::vector<OpTime> median_ops() const;
  Breakdown median_breakdown() const;
  // The last step, times from its start.
  Timeline last_timeline() const;

 private:
  struct Slot {
    OpTime what;
    double seconds = 0;  // of the running step
    int64_t calls = 0;
    std::vector<double> steps;
  };
  Slot* find(const OpKey& key);
  Slot& add_slot(const OpTime& what);
  void book(Slot& slot, double seconds, int64_t calls);
  void add_wait(Wait wait, double seconds);

  int64_t stage_;
  double start_s_ = 0;
  double in_ops_s_ = 0, in_passes_s_ = 0;  // of the running step
  Breakdown running_;
  std::vector<Breakdown> breakdowns_;
  std::vector<Slot> slots_;
  std::map<std::pair<BlockName, Walk>, std::vector<int>>
      places_;  // in slots_, by index of the op; -1: none yet
  std::vector<TimelineEvent> events_;
};

}  // namespace paraplan
