#include "costmodel/pipeline_replay.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace paraplan {
namespace {

constexpr double kNotDone = -1;
// Lengths of a replay in groups of `pipeline` micro-batches. At most 2 p - 2 + (v - 1) p < 2 v p forward
// passes of a stage are ahead of its backward passes, so warm-up and drain take two groups each, and a pass
// waits for none that is more than two groups away: when three groups in a row repeat, all further ones do.
constexpr int64_t kFillGroups = 2, kSteadyGroups = 3, kDrainGroups = 2;
constexpr int64_t kShortestReplay = kFillGroups + 1 + kSteadyGroups + kDrainGroups;
constexpr double kSameGrowth = 1e-9;  // relative difference that counts as none

// Time at which the inputs of a pass are there, or kNotDone.
double ready_at(const PipelineTimes& t, const PipelineStep& step, int64_t virtual_stage,
                int64_t micro_batches, const std::vector<double>& forward_done,
                const std::vector<double>& backward_done) {
  const auto at = [&](int64_t i) { return static_cast<size_t>(i * micro_batches + step.micro_batch); };
  const int64_t last = t.pipeline * t.virtual_stages - 1;
  if (step.pass == Pass::forward) {
    if (virtual_stage == 0) return 0;
    const double done = forward_done[at(virtual_stage - 1)];
    return done == kNotDone ? kNotDone : done + t.send_forward_s[static_cast<size_t>(virtual_stage - 1)];
  }
  if (virtual_stage == last) return forward_done[at(virtual_stage)];
  const double done = backward_done[at(virtual_stage + 1)];
  return done == kNotDone ? kNotDone : done + t.send_backward_s[static_cast<size_t>(virtual_stage + 1)];
}

double send_time(const PipelineTimes& t, Pass pass, int64_t virtual_stage) {
  const int64_t last = t.pipeline * t.virtual_stages - 1;
  if (pass == Pass::forward)
    return virtual_stage == last ? 0 : t.send_forward_s[static_cast<size_t>(virtual_stage)];
  return virtual_stage == 0 ? 0 : t.send_backward_s[static_cast<size_t>(virtual_stage)];
}

std::vector<std::vector<PipelineStep>> stage_schedules(const PipelineTimes& t, int64_t micro_batches) {
  std::vector<std::vector<PipelineStep>> lists;
  for (int64_t s = 0; s < t.pipeline; ++s)
    lists.push_back(stage_schedule(t.schedule, t.pipeline, s, micro_batches, t.virtual_stages));
  return lists;
}

}  // namespace

std::vector<double> earliest_ends(const PipelineTimes& t, int64_t micro_batches) {
  const auto stages = static_cast<size_t>(t.pipeline);
  std::vector<double> ends(stages, 0.0);
  double first_input = 0;
  for (size_t s = 0; s < stages; ++s) {
    double busy = 0;
    for (size_t part = s; part < t.forward_s.size(); part += stages)
      busy += t.forward_s[part] + t.backward_s[part];
    ends[s] = first_input + static_cast<double>(micro_batches) * busy;
    first_input += t.forward_s[s] + t.send_forward_s[s];
  }
  for (size_t s = stages - 1; s > 0; --s)
    ends[s - 1] = std::max(ends[s - 1], ends[s] + t.send_backward_s[s] + t.backward_s[s - 1]);
  return ends;
}

std::vector<double> PipelineReplay::replay(const PipelineTimes& t, int64_t micro_batches,
                                           const std::function<void(const ReplayedStep&)>& observe) {
  const auto lists = stage_schedules(t, micro_batches);
  const auto cells = static_cast<size_t>(t.pipeline * t.virtual_stages * micro_batches);
  forward_done_.assign(cells, kNotDone);
  backward_done_.assign(cells, kNotDone);
  std::vector<double> free_at(static_cast<size_t>(t.pipeline), 0.0), ends = free_at;
  std::vector<size_t> next(static_cast<size_t>(t.pipeline), 0);

  // Runs a stage as far as its inputs allow; says whether it moved.
  const auto advance = [&](int64_t stage) {
    const auto s = static_cast<size_t>(stage);
    const size_t first = next[s];
    for (; next[s] < lists[s].size(); ++next[s]) {
      const PipelineStep& step = lists[s][next[s]];
      const int64_t virtual_stage = step.chunk * t.pipeline + stage;
      const double ready = ready_at(t, step, virtual_stage, micro_batches, forward_done_, backward_done_);
      if (ready == kNotDone) break;
      const bool forward = step.pass == Pass::forward;
      const double start = std::max(ready, free_at[s]);
      const double end = start + (forward ? t.forward_s : t.backward_s)[static_cast<size_t>(virtual_stage)];
      const double sent = end + send_time(t, step.pass, virtual_stage);
      (forward ? forward_done_
               : backward_done_)[static_cast<size_t>(virtual_stage * micro_batches + step.micro_batch)] = end;
      free_at[s] = t.blocking_sends ? sent : end;
      ends[s] = end;
      if (observe) observe({stage, step, start, end, sent});
    }
    return next[s] > first;
  };

  for (bool moved = true; moved;) {
    moved = false;
    for (int64_t s = 0; s < t.pipeline; ++s) moved |= advance(s);
    for (int64_t s = t.pipeline - 1; s >= 0; --s) moved |= advance(s);
  }
  assert(std::all_of(lists.begin(), lists.end(), [&](const auto& l) {
    return next[static_cast<size_t>(&l - lists.data())] == l.size();
  }));
  return ends;
}

// Seconds by which every pass between warm-up and drain of the last replay is later than the same pass
// `period` micro-batches before, if they are the same for all.
std::optional<double> PipelineReplay::steady_growth(const PipelineTimes& t, int64_t micro_batches,
                                                    int64_t period) const {
  const int64_t until = micro_batches - kDrainGroups * t.pipeline, from = until - kSteadyGroups * t.pipeline;
  std::optional<double> growth;
  for (const std::vector<double>* done : {&forward_done_, &backward_done_}) {
    for (int64_t part = 0; part < t.pipeline * t.virtual_stages; ++part) {
      for (int64_t mb = from; mb < until; ++mb) {
        const double* end = done->data() + part * micro_batches + mb;
        const double step = *end - *(end - period);
        if (!growth) growth = step;
        if (std::abs(step - *growth) > kSameGrowth * *growth) return std::nullopt;
      }
    }
  }
  return growth;
}

std::optional<PipelineReplay::Steady> PipelineReplay::steady_state(const PipelineTimes& t,
                                                                   int64_t micro_batches) const {
  const int64_t unit = t.schedule == PipelineSchedule::interleaved ? t.pipeline : 1;
  const int64_t longest = micro_batches - (kFillGroups + kSteadyGroups + kDrainGroups) * t.pipeline;
  for (int64_t period = unit; period <= longest; period += unit)
    if (const auto seconds = steady_growth(t, micro_batches, period)) return Steady{period, *seconds};
  return std::nullopt;
}

const std::vector<double>& PipelineReplay::stage_ends(const PipelineTimes& t, int64_t micro_batches) {
  if (t.schedule == PipelineSchedule::gpipe) return gpipe_ends(t, micro_batches);
  for (int64_t groups = kShortestReplay;; groups *= 2) {
    const int64_t replayed = groups * t.pipeline + micro_batches % t.pipeline;
    if (replayed >= micro_batches) return ends_ = replay(t, micro_batches);
    ends_ = replay(t, replayed);
    const std::optional<Steady> steady = steady_state(t, replayed);
    if (!steady) continue;
    const int64_t left = micro_batches - replayed, rest = left % steady->micro_batches;
    if (rest > 0) ends_ = replay(t, replayed + rest);
    for (double& end : ends_) end += static_cast<double>(left / steady->micro_batches) * steady->seconds;
    return ends_;
  }
}

// Both halves of the schedule are lines of stages with unlimited buffers: each end is a constant plus the
// slowest stage's time per micro-batch.
const std::vector<double>& PipelineReplay::gpipe_ends(const PipelineTimes& t, int64_t micro_batches) {
  if (micro_batches <= 2) return ends_ = replay(t, micro_batches);
  const std::vector<double> one = replay(t, 1);
  ends_ = replay(t, 2);
  const auto more = static_cast<double>(micro_batches - 2);
  for (size_t s = 0; s < ends_.size(); ++s) ends_[s] += more * (ends_[s] - one[s]);
  return ends_;
}

}  // namespace paraplan
