#include "executor/run/step_clock.h"

#include <algorithm>
#include <chrono>

#include "costmodel/time/op_times.h"
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

StepClock::Slot* StepClock::find(const OpKey& key) {
  std::vector<int>& places = places_[{key.block, key.walk}];
  if (places.size() <= key.index) places.resize(size_t{key.index} + 1, -1);
  return places[key.index] < 0 ? nullptr : &slots_[static_cast<size_t>(places[key.index])];
}

StepClock::Slot& StepClock::add_slot(const OpTime& what) {
  places_[{what.key.block, what.key.walk}][what.key.index] = static_cast<int>(slots_.size());
  slots_.emplace_back();
  slots_.back().what = what;
  slots_.back().steps.assign(breakdowns_.size(), 0);  // not called in the steps before
  return slots_.back();
}

void StepClock::book(Slot& slot, double seconds, int64_t calls) {
  slot.seconds += seconds;
  slot.calls += calls;
  running_[slot.what.category] += seconds;
}

void StepClock::add(const OpKey& key, const Op& op, double seconds, int64_t calls) {
  Slot* slot = find(key);
  if (slot == nullptr)
    slot = &add_slot(
        {.key = key, .name = op.name, .kind = to_string(op.kind), .category = category_of(key, op)});
  book(*slot, seconds, calls);
  if (key.walk != Walk::update) in_ops_s_ += seconds;
}

void StepClock::add_wait(Wait wait, double seconds) {
  const OpKey key{BlockName::step, Walk::wait, static_cast<uint16_t>(wait)};
  Slot* slot = find(key);
  if (slot == nullptr)
    slot = &add_slot({.key = key, .name = to_string(wait), .kind = "wait", .category = category_of(wait)});
  book(*slot, seconds, 1);
}

void StepClock::add_pass(const char* name, double start_s, double end_s, int64_t micro_batch, int64_t chunk) {
  in_passes_s_ += end_s - start_s;
  events_.push_back({stage_, Lane::compute, name, start_s - start_s_, end_s - start_s_, micro_batch, chunk});
}

void StepClock::add_receive(double waited_s, double transfer_s) {
  add_wait(Wait::bubble, waited_s);
  add_wait(Wait::receive, transfer_s);
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
