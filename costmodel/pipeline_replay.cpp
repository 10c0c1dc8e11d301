#include "costmodel/pipeline_replay.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace paraplan {
namespace {

constexpr double kNotDone = -1;
constexpr double kSamePeriod = 1e-7;  // relative difference of two periods that counts as none

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

}  // namespace

const std::vector<std::vector<PipelineStep>>& PipelineReplay::schedules(const PipelineTimes& t,
                                                                        int64_t micro_batches) {
  const ScheduleKey key{t.schedule, t.pipeline, t.virtual_stages, micro_batches};
  auto found = schedules_.find(key);
  if (found == schedules_.end()) {
    std::vector<std::vector<PipelineStep>> all;
    for (int64_t s = 0; s < t.pipeline; ++s)
      all.push_back(stage_schedule(t.schedule, t.pipeline, s, micro_batches, t.virtual_stages));
    found = schedules_.emplace(key, std::move(all)).first;
  }
  return found->second;
}

std::vector<double> PipelineReplay::replay(const PipelineTimes& t, int64_t micro_batches,
                                           const std::function<void(const ReplayedStep&)>& observe) {
  const auto& lists = schedules(t, micro_batches);
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

const std::vector<double>& PipelineReplay::stage_ends(const PipelineTimes& t, int64_t micro_batches) {
  const int64_t period = t.pipeline;
  int64_t replayed = 2 * period + micro_batches % period;
  if (micro_batches <= replayed + 2 * period) return ends_ = replay(t, micro_batches);
  std::vector<double> before = replay(t, replayed), growth;
  while (true) {
    replayed += period;
    if (replayed >= micro_batches) return ends_ = replay(t, micro_batches);
    ends_ = replay(t, replayed);
    std::vector<double> step(ends_.size());
    for (size_t s = 0; s < step.size(); ++s) step[s] = ends_[s] - before[s];
    const auto same = [](double a, double b) { return std::abs(a - b) <= kSamePeriod * std::abs(b); };
    const bool steady = !growth.empty() && std::equal(step.begin(), step.end(), growth.begin(), same);
    if (steady) break;
    growth = std::move(step);
    before = ends_;
  }
  const auto periods = static_cast<double>((micro_batches - replayed) / period);
  for (size_t s = 0; s < ends_.size(); ++s) ends_[s] += periods * growth[s];
  return ends_;
}

}  // namespace paraplan
