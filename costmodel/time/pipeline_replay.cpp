#include "costmodel/time/pipeline_replay.h"

#include <algorithm>
#include <cmath>

namespace paraplan {
namespace {

// Lengths of a replay in groups of `pipeline` micro-batches. At most 2 p - 2 + (v - 1) p < 2 v p forward
// passes of a stage are ahead of its backward passes, so warm-up and drain take two groups each, and a pass
// waits for none that is more than two groups away: when three groups in a row repeat, all further ones do.
constexpr int64_t kFillGroups = 2, kSteadyGroups = 3, kDrainGroups = 2;
constexpr int64_t kShortestReplay = kFillGroups + 1 + kSteadyGroups + kDrainGroups;
constexpr double kSameGrowth = 1e-9;  // relative difference that counts as none

// Orders that a replay keeps for further ones, in cells: 64 MiB.
constexpr size_t kMostKeptCells = size_t{1} << 22;

// By pass, as ReplayCell counts them: how long it takes, and how long its output travels. The last forward
// pass and the last backward pass send nothing.
struct PassSeconds {
  std::vector<double> busy, send;

  explicit PassSeconds(const PipelineTimes& t) : busy(t.forward_s), send(t.send_forward_s) {
    send.back() = 0;
    busy.insert(busy.end(), t.backward_s.begin(), t.backward_s.end());
    send.insert(send.end(), t.send_backward_s.begin(), t.send_backward_s.end());
    send[t.forward_s.size()] = 0;
  }
};

ReplayedStep replayed_step(const ReplayCell& cell, const PipelineTimes& t) {
  const int64_t parts = t.pipeline * t.virtual_stages;
  const bool forward = cell.pass < parts;
  return {.stage = cell.stage,
          .step = {forward ? Pass::forward : Pass::backward, cell.micro_batch,
                   (forward ? cell.pass : cell.pass - parts) / t.pipeline}};
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

const std::vector<ReplayCell>& PipelineReplay::order_of(const ScheduleShape& shape) {
  const auto known = orders_.find(shape);
  if (known != orders_.end()) return known->second;
  if (kept_cells_ > kMostKeptCells) {
    orders_.clear();
    kept_cells_ = 0;
  }
  const auto& order = orders_.emplace(shape, replay_order(shape)).first->second;
  kept_cells_ += order.size();
  return order;
}

std::vector<double> PipelineReplay::replay(const PipelineTimes& t, int64_t micro_batches,
                                           const std::function<void(const ReplayedStep&)>& observe) {
  const auto& order = order_of({t.schedule, t.pipeline, t.virtual_stages, micro_batches});
  const PassSeconds seconds(t);
  done_.resize(order.size());
  sent_.resize(order.size() + 1);
  sent_[0] = 0;
  std::vector<double> free_at(static_cast<size_t>(t.pipeline), 0.0), ends = free_at;
  for (size_t i = 0; i < order.size(); ++i) {
    const ReplayCell& cell = order[i];
    const auto stage = static_cast<size_t>(cell.stage), pass = static_cast<size_t>(cell.pass);
    const double start = std::max(sent_[static_cast<size_t>(cell.after)], free_at[stage]);
    const double end = start + seconds.busy[pass], sent = end + seconds.send[pass];
    done_[pass * static_cast<size_t>(micro_batches) + static_cast<size_t>(cell.micro_batch)] = end;
    sent_[i + 1] = sent;
    free_at[stage] = t.blocking_sends ? sent : end;
    ends[stage] = end;
    if (!observe) continue;
    ReplayedStep step = replayed_step(cell, t);
    step.start_s = start, step.end_s = end, step.sent_s = sent;
    observe(step);
  }
  return ends;
}

// Seconds by which every pass between warm-up and drain of the last replay is later than the same pass
// `period` micro-batches before, if they are the same for all.
std::optional<double> PipelineReplay::steady_growth(const PipelineTimes& t, int64_t micro_batches,
                                                    int64_t period) const {
  const int64_t until = micro_batches - kDrainGroups * t.pipeline, from = until - kSteadyGroups * t.pipeline;
  std::optional<double> growth;
  for (int64_t pass = 0; pass < 2 * t.pipeline * t.virtual_stages; ++pass) {
    for (int64_t mb = from; mb < until; ++mb) {
      const double* end = done_.data() + pass * micro_batches + mb;
      const double step = *end - *(end - period);
      if (!growth) growth = step;
      if (std::abs(step - *growth) > kSameGrowth * *growth) return std::nullopt;
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
  // Neighbours in the order of layouts differ in settings that leave the passes alone (ZeRO 0 and 1,
  // offload).
  if (micro_batches == last_micro_batches_ && t == last_times_) return ends_;
  find_ends(t, micro_batches);
  last_times_ = t;
  last_micro_batches_ = micro_batches;
  return ends_;
}

void PipelineReplay::find_ends(const PipelineTimes& t, int64_t micro_batches) {
  if (t.schedule == PipelineSchedule::gpipe) return gpipe_ends(t, micro_batches);
  for (int64_t groups = kShortestReplay;; groups *= 2) {
    const int64_t replayed = groups * t.pipeline + micro_batches % t.pipeline;
    if (replayed >= micro_batches) {
      ends_ = replay(t, micro_batches);
      return;
    }
    ends_ = replay(t, replayed);
    const std::optional<Steady> steady = steady_state(t, replayed);
    if (!steady) continue;
    const int64_t left = micro_batches - replayed, rest = left % steady->micro_batches;
    if (rest > 0) ends_ = replay(t, replayed + rest);
    for (double& end : ends_) end += static_cast<double>(left / steady->micro_batches) * steady->seconds;
    return;
  }
}

// Both halves of the schedule are lines of stages with unlimited buffers: each end is a constant plus the
// slowest stage's time per micro-batch.
void PipelineReplay::gpipe_ends(const PipelineTimes& t, int64_t micro_batches) {
  if (micro_batches <= 2) {
    ends_ = replay(t, micro_batches);
    return;
  }
  const std::vector<double> one = replay(t, 1);
  ends_ = replay(t, 2);
  const auto more = static_cast<double>(micro_batches - 2);
  for (size_t s = 0; s < ends_.size(); ++s) ends_[s] += more * (ends_[s] - one[s]);
}

}  // namespace paraplan
