#include "costmodel/time/pipeline_replay.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace paraplan {
namespace {

// Growths of a cycle that differ by less are one. The ends are wrong by no more than that: what is late by
// some time makes nothing later by more.
constexpr double kSameGrowth = 1e-11;

// Seconds for which a pass keeps its stage from others.
double forward_s(const PipelineTimes& t, size_t part) {
  return t.forward_s[part] + (t.blocking_sends ? t.send_forward_s[part] : 0);
}
double backward_s(const PipelineTimes& t, size_t part) {
  return t.backward_s[part] + (t.blocking_sends ? t.send_backward_s[part] : 0);
}

// All forward passes, then all backward passes: both are lines of stages with unlimited buffers, in which the
// last micro-batch leaves a stage behind the slowest one so far.
EarliestEnds gpipe_ends(const PipelineTimes& t, int64_t micro_batches) {
  const auto stages = static_cast<size_t>(t.pipeline);
  const auto more = static_cast<double>(micro_batches - 1);
  double at = 0, slowest = 0;
  for (size_t s = 0; s < stages; ++s) {
    at += t.forward_s[s] + t.send_forward_s[s];
    slowest = std::max(slowest, forward_s(t, s));
  }
  at += more * slowest;
  slowest = 0;
  EarliestEnds earliest{.seconds = std::vector<double>(stages), .exact = true};
  for (size_t s = stages; s-- > 0;) {
    slowest = std::max(slowest, backward_s(t, s));
    earliest.seconds[s] = at + t.backward_s[s] + more * slowest;
    at += t.backward_s[s] + t.send_backward_s[s];
  }
  return earliest;
}

// By stage, when the first micro-batch reaches it.
std::vector<double> first_inputs(const PipelineTimes& t) {
  std::vector<double> at(static_cast<size_t>(t.pipeline), 0.0);
  for (size_t s = 1; s < at.size(); ++s) at[s] = at[s - 1] + t.forward_s[s - 1] + t.send_forward_s[s - 1];
  return at;
}

// By stage, when its first gradient comes back under 1F1B.
std::vector<double> first_gradients(const PipelineTimes& t, double last_input_s) {
  std::vector<double> at(static_cast<size_t>(t.pipeline), last_input_s + t.forward_s.back());
  for (size_t s = at.size() - 1; s > 0; --s) at[s - 1] = at[s] + t.backward_s[s] + t.send_backward_s[s];
  return at;
}

// Forward passes of a stage of 1F1B before its first backward pass.
int64_t forwards_before(const PipelineTimes& t, int64_t micro_batches, size_t stage) {
  return std::min(micro_batches, t.pipeline - static_cast<int64_t>(stage));
}

// Whether no first gradient comes before the forward passes that 1F1B puts in front of it.
bool gradients_find_stages_ready(const PipelineTimes& t, int64_t micro_batches,
                                 const std::vector<double>& inputs, const std::vector<double>& gradients) {
  double slowest = 0;
  for (size_t s = 0; s < inputs.size(); ++s) {
    slowest = std::max(slowest, forward_s(t, s));
    const auto waiting = static_cast<double>(forwards_before(t, micro_batches, s) - 1);
    if (inputs[s] + waiting * slowest + forward_s(t, s) > gradients[s]) return false;
  }
  return true;
}

// Whether the last stage of 1F1B, once it is steadily at work, waits for no other. Each may be as late as its
// slack and that of the stages behind it allow, of which a message's way there and back takes some.
bool last_stage_sets_pace(const PipelineTimes& t) {
  const size_t last = t.forward_s.size() - 1;
  const double pace = forward_s(t, last) + backward_s(t, last);
  double slack = 0;
  for (size_t s = last; s-- > 0;) {
    const double own = pace - (forward_s(t, s) + backward_s(t, s));
    const double round_trip = t.blocking_sends ? 0 : t.send_forward_s[s] + t.send_backward_s[s + 1];
    slack = std::min(own, slack + own - round_trip);
    if (slack < 0) return false;
  }
  return true;
}

double weight_s(const PipelineTimes& t, size_t part) {
  return t.weight_s.empty() ? 0 : t.weight_s[part];
}

// A stage works without a pause through all its chunks from its first input on. The last backward pass sends
// nothing that the stage waits for, unless weight passes come behind it.
double end_without_pause(const PipelineTimes& t, int64_t micro_batches, size_t stage, double first_input_s) {
  double busy = 0;
  for (size_t i = stage; i < t.forward_s.size(); i += static_cast<size_t>(t.pipeline))
    busy += forward_s(t, i) + backward_s(t, i) + weight_s(t, i);
  const double last_send = t.weight_s.empty() ? backward_s(t, stage) - t.backward_s[stage] : 0;
  return first_input_s + static_cast<double>(micro_batches) * busy - last_send;
}

// What a stage still does when its last backward or data pass is over, before its end: weight passes that
// waited, and a blocking send in front of them.
double behind_last_gradient(const PipelineTimes& t, int64_t micro_batches, size_t stage) {
  if (t.weight_s.empty()) return 0;
  const auto waiting = static_cast<double>(std::min(micro_batches, static_cast<int64_t>(stage) + 1));
  return waiting * t.weight_s[stage] + (t.blocking_sends ? t.send_backward_s[stage] : 0);
}

// A stage of 1F1B works without a pause from its first gradient on.
double end_from_gradient(const PipelineTimes& t, int64_t micro_batches, size_t stage, double gradient_s) {
  const int64_t forwards = micro_batches - forwards_before(t, micro_batches, stage);
  return gradient_s + static_cast<double>(forwards) * forward_s(t, stage) +
         static_cast<double>(micro_batches - 1) * backward_s(t, stage) + t.backward_s[stage];
}

// The passes that a replayed cell may be, in the order of ReplayCell::pass.
struct PassColumns {
  Pass pass = Pass::forward;
  const std::vector<double>* busy_s = nullptr;  // by virtual stage
  const std::vector<double>* send_s = nullptr;  // null: nothing is sent
};
PassColumns columns_of(const PipelineTimes& t, int64_t which) {
  if (which == 0) return {Pass::forward, &t.forward_s, &t.send_forward_s};
  if (which == 2) return {Pass::weight, &t.weight_s, nullptr};
  return {t.weight_s.empty() ? Pass::backward : Pass::data, &t.backward_s, &t.send_backward_s};
}

}  // namespace

EarliestEnds earliest_ends(const PipelineTimes& t, int64_t micro_batches) {
  if (t.schedule == PipelineSchedule::gpipe) return gpipe_ends(t, micro_batches);
  const std::vector<double> inputs = first_inputs(t);
  EarliestEnds earliest;
  std::vector<double>& ends = earliest.seconds;
  for (size_t s = 0; s < inputs.size(); ++s)
    ends.push_back(end_without_pause(t, micro_batches, s, inputs[s]));
  if (t.schedule == PipelineSchedule::one_f_one_b) {
    const std::vector<double> gradients = first_gradients(t, inputs.back());
    for (size_t s = 0; s < ends.size(); ++s)
      ends[s] = std::max(ends[s], end_from_gradient(t, micro_batches, s, gradients[s]));
    earliest.exact = micro_batches == 1 || (last_stage_sets_pace(t) &&
                                            gradients_find_stages_ready(t, micro_batches, inputs, gradients));
  }
  // The last backward pass travels down to the first stage.
  for (size_t s = ends.size() - 1; s > 0; --s)
    ends[s - 1] =
        std::max(ends[s - 1], ends[s] - behind_last_gradient(t, micro_batches, s) + t.send_backward_s[s] +
                                  t.backward_s[s - 1] + behind_last_gradient(t, micro_batches, s - 1));
  return earliest;
}

std::vector<double> replay(const PipelineTimes& t, int64_t micro_batches,
                           const std::function<void(const ReplayedStep&)>& observe) {
  const ReplayOrder order = whole_order({t.schedule, t.pipeline, t.virtual_stages, micro_batches});
  const int64_t parts = t.pipeline * t.virtual_stages;
  std::vector<double> sent(order.cells.size()), free_at(static_cast<size_t>(t.pipeline), 0.0), ends = free_at;
  for (size_t i = 0; i < order.cells.size(); ++i) {
    const ReplayCell& cell = order.cells[i];
    const int64_t part = cell.pass % parts;
    const auto stage = static_cast<size_t>(cell.stage), at = static_cast<size_t>(part);
    const PassColumns columns = columns_of(t, cell.pass / parts);
    ReplayedStep done{.stage = cell.stage, .step = {columns.pass, cell.micro_batch, part / t.pipeline}};
    const double input_s = cell.after > 0 ? sent[i - static_cast<size_t>(cell.after)] : 0;
    done.start_s = std::max(input_s, free_at[stage]);
    done.end_s = done.start_s + (*columns.busy_s)[at];
    done.sent_s = done.end_s + (columns.send_s == nullptr ? 0 : (*columns.send_s)[at]);
    sent[i] = done.sent_s;
    free_at[stage] = t.blocking_sends ? done.sent_s : done.end_s;
    ends[stage] = done.end_s;
    if (observe) observe(done);
  }
  return ends;
}

// A blocking send is as much the stage's own time as the pass is.
std::vector<PipelineReplay::PassSeconds> PipelineReplay::pass_seconds(const PipelineTimes& t) {
  std::vector<PassSeconds> seconds;
  seconds.reserve(3 * t.forward_s.size());
  for (int64_t which = 0; which < (t.weight_s.empty() ? 2 : 3); ++which) {
    const PassColumns columns = columns_of(t, which);
    for (size_t i = 0; i < t.forward_s.size(); ++i) {
      const double busy = (*columns.busy_s)[i], send = columns.send_s == nullptr ? 0 : (*columns.send_s)[i];
      seconds.push_back(t.blocking_sends ? PassSeconds{busy + send, 0} : PassSeconds{busy, send});
    }
  }
  return seconds;
}

const ReplayOrder& PipelineReplay::order_of(const PipelineTimes& t, int64_t micro_batches) {
  const ScheduleShape shape = repeating_shape({t.schedule, t.pipeline, t.virtual_stages, micro_batches});
  const auto known = orders_.find(shape);
  return known != orders_.end() ? known->second
                                : orders_.emplace(shape, repeating_order(shape)).first->second;
}

void PipelineReplay::run(const ReplayOrder& order, size_t from, size_t to) {
  size_t at = sent_.size();
  sent_.resize(at + to - from);  // with zeros: a cell that takes no input finds one in its own place
  double *const sent = sent_.data(), *const free_at = free_at_.data();
  const PassSeconds* const seconds = seconds_.data();
  for (size_t i = from; i < to; ++i, ++at) {
    const ReplayCell& cell = order.cells[i];
    const PassSeconds& pass = seconds[cell.pass];
    const double end = std::max(sent[at - static_cast<size_t>(cell.after)], free_at[cell.stage]) + pass.busy;
    sent[at] = end + pass.send;
    free_at[cell.stage] = end;
  }
}

// Behind `groups` groups of a replay, one of them before the first that is repeated.
std::optional<PipelineReplay::Cycle> PipelineReplay::cycle(const ReplayOrder& order, int64_t groups) const {
  const size_t length = order.drain - order.group;
  const double* const last = sent_.data() + sent_.size() - length;
  const auto growth = [&](int64_t by) -> std::optional<double> {
    const double* const earlier = last - static_cast<size_t>(by) * length;
    const double first = last[order.carried[0]] - earlier[order.carried[0]];
    for (size_t cell : order.carried)
      if (std::abs(last[cell] - earlier[cell] - first) > kSameGrowth * first) return std::nullopt;
    return first;
  };
  // Most cycles are one group long. Longer ones are looked for when the replay has doubled.
  const int64_t longest = std::has_single_bit(static_cast<uint64_t>(groups)) ? groups - 1 : 1;
  for (int64_t by = 1; by <= longest; ++by)
    if (const auto seconds = growth(by)) return Cycle{by, *seconds};
  return std::nullopt;
}

void PipelineReplay::replay_to_end(const PipelineTimes& t, int64_t micro_batches) {
  const ReplayOrder& order = order_of(t, micro_batches);
  seconds_ = pass_seconds(t);
  sent_.clear();
  free_at_.assign(static_cast<size_t>(t.pipeline), 0.0);
  run(order, 0, order.group);
  double extrapolated_s = 0;
  if (order.period > 0) {
    int64_t left = 1 + (micro_batches - order.micro_batches) / order.period;
    std::optional<Cycle> cycle;
    for (int64_t groups = 2; left > 0; ++groups) {
      run(order, order.group, order.drain);
      --left;
      if (cycle || !(cycle = this->cycle(order, groups))) continue;
      extrapolated_s = static_cast<double>(left / cycle->groups) * cycle->seconds;
      left %= cycle->groups;
    }
  }
  run(order, order.drain, order.cells.size());
  ends_ = free_at_;
  for (size_t s = 0; s < ends_.size(); ++s)
    ends_[s] += extrapolated_s - (t.blocking_sends && t.weight_s.empty() ? t.send_backward_s[s] : 0);
}

const std::vector<double>& PipelineReplay::stage_ends(const PipelineTimes& t, int64_t micro_batches) {
  EarliestEnds earliest = earliest_ends(t, micro_batches);
  if (earliest.exact) {
    last_micro_batches_ = 0;
    return ends_ = std::move(earliest.seconds);
  }
  // Neighbours in the order of layouts differ in settings that leave the passes alone (ZeRO 0 and 1,
  // offload).
  if (micro_batches == last_micro_batches_ && t == last_times_) return ends_;
  replay_to_end(t, micro_batches);
  last_times_ = t;
  last_micro_batches_ = micro_batches;
  return ends_;
}

}  // namespace paraplan
