#include "executor/run/step_clock.h"

#include <algorithm>
#include <chrono>

#include "executor/bench/measurement.h"

namespace paraplan {
namespace {

double median(const std::vector<double>& values) {
  return summarize(values).seconds;
}

}  // namespace

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void StepClock::begin_step() {
  running_ = {};
  in_ops_s_ = in_passes_s_ = 0;
  for (Slot& s : slots_) s.seconds = 0, s.calls = 0;
  events_.clear();
  start_s_ = now_s();
}

// What passes spend between their ops is the host's; what is left of the step is other work (data, loss).
void StepClock::end_step() {
  const double total = now_s() - start_s_;
  running_[TimeCategory::host] = std::max(0.0, in_passes_s_ - in_ops_s_);
  running_[TimeCategory::other] += std::max(0.0, total - running_.total());
  breakdowns_.push_back(running_);
  for (Slot& s : slots_) {
    s.steps.push_back(s.seconds);
    s.what.calls = s.calls;
  }
}

void StepClock::forget() {
  breakdowns_.clear();
  for (Slot& s : slots_) s.steps.clear();
}

StepClock::Slot& StepClock::slot(const OpTime& what) {
  const auto [found, is_new] = places_.try_emplace(what.key(), slots_.size());
  if (is_new) {
    slots_.push_back({});
    slots_.back().what = what;
    slots_.back().steps.assign(breakdowns_.size(), 0);  // not called in the steps before
  }
  return slots_[found->second];
}

void StepClock::add(const OpTime& what, double seconds, int64_t calls) {
  Slot& s = slot(what);
  s.seconds += seconds;
  s.calls += calls;
  running_[what.category] += seconds;
}

void StepClock::add_in_pass(const OpTime& what, double seconds, int64_t calls) {
  add(what, seconds, calls);
  in_ops_s_ += seconds;
}

void StepClock::add_op(BlockKind block, Walk walk, size_t index, const Op& op, double seconds) {
  std::vector<int>& places = op_slots_[static_cast<size_t>(block)][static_cast<size_t>(walk)];
  if (places.size() <= index) places.resize(index + 1, -1);
  const TimeCategory category = walk == Walk::recompute ? TimeCategory::recompute : time_category(op);
  if (places[index] < 0) {
    const OpTime what{.block = to_string(block),
                      .pass = to_string(walk),
                      .index = static_cast<int64_t>(index),
                      .name = op.name,
                      .kind = to_string(op.kind),
                      .category = category};
    places[index] = static_cast<int>(&slot(what) - slots_.data());
  }
  Slot& s = slots_[static_cast<size_t>(places[index])];
  s.seconds += seconds;
  ++s.calls;
  in_ops_s_ += seconds;
  running_[category] += seconds;
}

void StepClock::add_pass(const char* name, double start_s, double end_s, int64_t micro_batch, int64_t chunk) {
  in_passes_s_ += end_s - start_s;
  events_.push_back({stage_, Lane::compute, name, start_s - start_s_, end_s - start_s_, micro_batch, chunk});
}

void StepClock::add_receive(double waited_s, double transfer_s) {
  add({.block = "step", .pass = "update", .name = "wait", .kind = "bubble", .category = TimeCategory::bubble},
      waited_s);
  add({.block = "step",
       .pass = "update",
       .name = "receive",
       .kind = "receive",
       .category = TimeCategory::pipeline_communication},
      transfer_s);
}

std::vector<OpTime> StepClock::median_ops() const {
  std::vector<OpTime> ops;
  for (const Slot& s : slots_) {
    OpTime op = s.what;
    op.seconds = median(s.steps);
    ops.push_back(op);
  }
  return ops;
}

// Medians per category do not sum to the median of the sum exactly; the rest is booked as other work.
Breakdown StepClock::median_breakdown() const {
  Breakdown result;
  std::vector<double> totals;
  for (const Breakdown& b : breakdowns_) totals.push_back(b.total());
  for (int i = 0; i < kTimeCategories; ++i) {
    const auto category = static_cast<TimeCategory>(i);
    std::vector<double> values;
    for (const Breakdown& b : breakdowns_) values.push_back(b[category]);
    result[category] = median(values);
  }
  result[TimeCategory::other] += median(totals) - result.total();
  return result;
}

Timeline StepClock::last_timeline() const {
  Timeline timeline;
  timeline.events = events_;
  for (const TimelineEvent& e : events_) timeline.end_s = std::max(timeline.end_s, e.end_s);
  return timeline;
}

}  // namespace paraplan
