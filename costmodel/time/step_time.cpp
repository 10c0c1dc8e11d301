#include "costmodel/time/step_time.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace paraplan {
namespace {

struct WaitInfo {
  const char* name;
  TimeCategory category;
};

// By Wait.
constexpr WaitInfo kWaitInfos[kWaits] = {{"receive", TimeCategory::pipeline_communication},
                                         {"wait", TimeCategory::bubble},
                                         {"wait for other stages", TimeCategory::bubble},
                                         {"launches", TimeCategory::host},
                                         {"host per micro-batch", TimeCategory::other},
                                         {"launches of the update", TimeCategory::optimizer},
                                         {"host per step", TimeCategory::other},
                                         {"stragglers", TimeCategory::other}};

// Differences of sums: what is smaller than their rounding is nothing.
double without_rounding(double seconds, double step_s) {
  constexpr double kRounding = 1e-12;
  return std::abs(seconds) < kRounding * step_s ? 0 : seconds;
}

}  // namespace

TimeCategory category_of(Wait wait) {
  return kWaitInfos[static_cast<size_t>(wait)].category;
}

const char* to_string(Wait wait) {
  return kWaitInfos[static_cast<size_t>(wait)].name;
}

StepTime::StepTime(const Scenario& scenario, TailPricer& tails, const StepPlan& plan, const Layout& layout,
                   std::vector<double> ends)
    : scenario_(scenario), plan_(plan), ends_(std::move(ends)) {
  double busiest_s = -1;
  for (int64_t s : plan.split.kinds) {
    double busy_s = 0;
    plan.split.for_stage(s, [&](size_t i) { busy_s += plan.times.busy_s(i); });
    if (busy_s > busiest_s) busiest_s = busy_s, pacing_ = s;
  }
  pipeline_end_s_ = *std::ranges::max_element(ends_);
  time_tails(tails, layout);
  host_step_s_ = scenario.software.host.step_s * scenario.host.time_scale;
  straggler_s_ = scenario.network.straggler *
                 std::sqrt(std::log2(static_cast<double>(scenario.cluster.nodes))) * pipeline_end_s_;
  step_s_ = sum_s_ + from_sum_s_ + host_step_s_ + straggler_s_;
}

// Stages of a kind have the same tail.
void StepTime::time_tails(TailPricer& tails, const Layout& layout) {
  tails_.reserve(plan_.split.kinds.size());
  for (int64_t s : plan_.split.kinds) {
    const TailStage state{plan_.state_of(s), s == 0, s + 1 == plan_.split.pipeline};
    StagePassSeconds passes;
    plan_.split.for_stage(s, [&](size_t i) {
      passes.forward_s += plan_.times.forward_s[i];
      passes.backward_s += plan_.times.going_back_s(i);
    });
    tails_.push_back(tails.time(layout, plan_.groups, state, passes));
    from_sum_s_ = std::max(from_sum_s_, tails_.back().from_sum_s());
  }
  for (int64_t s = 0; s < plan_.split.pipeline; ++s)
    sum_s_ = std::max(sum_s_, end_s(s) + tail(s).until_sum_s());
}

StepTime::StageWork StepTime::work_of(int64_t stage) const {
  StageWork work;
  const PipelineTimes& t = plan_.times;
  plan_.split.for_stage(stage, [&](size_t i) {
    const StagePasses& each = plan_.passes_of(i);
    PassCost passes = each.forward + each.backward;
    if (!t.weight_s.empty()) passes = passes + each.weight;
    work.device += passes.device;
    work.origins += passes.origins;
    work.busy_s += t.busy_s(i);
    if (i > 0) work.transfer_s += t.send_forward_s[i - 1], ++work.messages;
    if (i + 1 < plan_.split.virtual_stages()) work.transfer_s += t.send_backward_s[i + 1], ++work.messages;
  });
  return work;
}

void StepTime::for_waits(int64_t stage, const std::function<void(const WaitTime&)>& visit) const {
  const StageWork work = work_of(stage);
  const double end_s = this->end_s(stage), count = micro_batches();
  const auto wait = [&](Wait which, double seconds, int64_t calls = 0) {
    visit({which, without_rounding(seconds, step_s_), calls});
  };
  if (plan_.split.pipeline > 1) {
    const double idle_s = end_s - work.busy_s * count, receive_s = std::min(idle_s, work.transfer_s * count);
    wait(Wait::receive, receive_s, work.messages * plan_.micro_batches);
    wait(Wait::bubble, idle_s - receive_s, work.messages * plan_.micro_batches);
  }
  wait(Wait::other_stages,
       sum_s_ - end_s - tail(stage).until_sum_s() + from_sum_s_ - tail(stage).from_sum_s());
  const double host_s = scenario_.software.host.micro_batch_s * scenario_.host.time_scale;
  wait(Wait::host_gap, (work.busy_s - work.device.total() - host_s) * count);
  wait(Wait::host_micro_batch, host_s * count);
  wait(Wait::host_update, tail(stage).host_gap_s());
  wait(Wait::host_step, host_step_s_);
  wait(Wait::straggler, straggler_s_);
}

Breakdown StepTime::breakdown(int64_t stage) const {
  Breakdown parts = work_of(stage).device;
  parts *= micro_batches();
  const TailTime& tail = this->tail(stage);
  for (size_t i = 0; i < tail.ops().size(); ++i)
    parts[tail_category(tail.ops()[i].op)] += tail.price(i).seconds;
  for_waits(stage, [&parts](const WaitTime& w) { parts[category_of(w.wait)] += w.seconds; });
  return parts;
}

std::vector<int64_t> StepTime::pacing_stages() const {
  if (scenario_.software.stage_balance != StageBalance::work) return {pacing_};
  std::vector<int64_t> all(static_cast<size_t>(plan_.split.pipeline));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

Breakdown StepTime::pacing_breakdown() const {
  Breakdown mean;
  const std::vector<int64_t> stages = pacing_stages();
  for (int64_t s : stages) mean += breakdown(s);
  mean *= 1 / static_cast<double>(stages.size());
  for (double& seconds : mean.values) seconds = without_rounding(seconds, step_s_);
  return mean;
}

PriceOrigins StepTime::pacing_origins() const {
  PriceOrigins mean;
  const std::vector<int64_t> stages = pacing_stages();
  for (int64_t s : stages) mean += work_of(s).origins;
  mean *= micro_batches() / static_cast<double>(stages.size());
  return mean;
}

}  // namespace paraplan
