#include "costmodel/cost_model.h"

#include <algorithm>

#include "costmodel/memory/stage_memory.h"
#include "costmodel/ops/model_size.h"
#include "costmodel/time/op_times.h"
#include "costmodel/time/step_plan.h"
#include "costmodel/time/step_time.h"
#include "costmodel/timeline_builder.h"

namespace paraplan {
namespace {

constexpr double kSecondsPerHour = 3600;

}  // namespace

struct CostModel::State {
  explicit State(Scenario s) : scenario(std::move(s)), planner(scenario), tails(scenario, planner.pricer()) {}

  Scenario scenario;
  StepPlanner planner;
  TailPricer tails;
  PipelineReplay replay;
  MomentsMemo moments;

  // What the passes of a layout do.
  struct LayoutPasses {
    Layout layout;  // of passes
    StepPlan plan;
    PassMemory memory;
    std::vector<double> ends, earliest_ends;  // of the stages; empty until asked for
  };
  std::optional<LayoutPasses> last;

  enum class Effort { bound, full };
  Prediction predict(const Layout& layout, Effort effort);
  LayoutPasses& passes_of(const Layout& layout);
  const std::vector<double>& ends(LayoutPasses& passes, Effort effort);
  StepTime step_time(LayoutPasses& passes, const Layout& layout, Effort effort = Effort::full);
  void add_rates(Prediction& p) const;
  void add_stages(const StepPlan& plan, Prediction& p) const;
  void add_memory(LayoutPasses& passes, Prediction& p, Effort effort);
};

// Neighbours in the order of layouts often differ in settings only that leave the passes alone.
CostModel::State::LayoutPasses& CostModel::State::passes_of(const Layout& layout) {
  Layout own = layout_of_passes(scenario.software, layout);
  if (last && last->layout == own) return *last;
  StepPlan plan = planner.plan(own);
  PassMemory memory(plan, scenario.software, moments);
  last.emplace(LayoutPasses{std::move(own), std::move(plan), std::move(memory), {}, {}});
  return *last;
}

const std::vector<double>& CostModel::State::ends(LayoutPasses& passes, Effort effort) {
  const StepPlan& plan = passes.plan;
  if (effort == Effort::full) {
    if (passes.ends.empty()) passes.ends = replay.stage_ends(plan.times, plan.micro_batches);
    return passes.ends;
  }
  if (passes.earliest_ends.empty())
    passes.earliest_ends = earliest_ends(plan.times, plan.micro_batches).seconds;
  return passes.earliest_ends;
}

// Stages of a kind differ in their memory alone.
void CostModel::State::add_stages(const StepPlan& plan, Prediction& p) const {
  p.stages.reserve(static_cast<size_t>(plan.split.pipeline));
  for (int64_t s = 0; s < plan.split.pipeline; ++s) {
    if (!plan.split.first_of_kind(s)) {
      p.stages.push_back(p.stages.back());
      continue;
    }
    StagePrediction& stage = p.stages.emplace_back();
    plan.split.for_stage(s, [&](size_t i) {
      stage.layers += plan.split.at(i).layers();
      stage.forward_s += plan.times.forward_s[i];
      stage.backward_s += plan.times.going_back_s(i);
    });
    stage.parameters = plan.state_of(s).parameters;
  }
}

// A bound looks at stages only that may be the fullest.
void CostModel::State::add_memory(LayoutPasses& passes, Prediction& p, Effort effort) {
  const StepPlan& plan = passes.plan;
  const LayoutMemory all(scenario, p.layout, plan, passes.memory);
  double host_rank = 0;
  for (int64_t s = 0; s < p.layout.pipeline; ++s) {
    if (effort == Effort::bound && all.needs_no_more(s)) continue;
    StagePrediction& stage = p.stages[static_cast<size_t>(s)];
    const StageMemory memory = all.stage(s);
    stage.in_flight =
        peak_in_flight(p.layout.schedule, p.layout.pipeline, s, plan.micro_batches, p.layout.virtual_stages);
    stage.memory = memory.at_level;
    const double bytes = memory.at_level.total();
    if (bytes > p.peak_memory_bytes) p.peak_memory_bytes = bytes, p.memory = memory.at_level;
    p.device_memory_bytes = std::max(p.device_memory_bytes, memory.most_device_bytes);
    p.least_device_memory_bytes = std::max(p.least_device_memory_bytes, memory.least_device_bytes);
    host_rank = std::max(host_rank, memory.host_bytes);
  }
  p.available_memory_bytes = scenario.hardware.device.memory_bytes;
  p.host_memory_bytes = host_rank * static_cast<double>(scenario.cluster.devices_per_node);
  const bool held = p.least_device_memory_bytes <= p.available_memory_bytes &&
                    p.host_memory_bytes <= scenario.hardware.host.memory_bytes;
  const bool roomy = p.device_memory_bytes <= p.available_memory_bytes * (1 - scenario.search.headroom);
  p.fit = !held ? Fit::exceeds : roomy ? Fit::fits : Fit::tight;
}

void CostModel::State::add_rates(Prediction& p) const {
  const auto samples = static_cast<double>(scenario.global_batch),
             devices = static_cast<double>(scenario.cluster.devices());
  p.samples_per_s = samples / p.iteration_time_s;
  p.tokens_per_s_per_device = p.samples_per_s * static_cast<double>(scenario.seq_length) / devices;
  const auto utilization = [&](AttentionCount count) {
    return model_flop_per_sample(scenario.model, scenario.seq_length, count) * p.samples_per_s /
           (devices * peak_flop_per_s(scenario));
  };
  p.mfu = utilization(AttentionCount::full);
  p.mfu_causal = utilization(AttentionCount::unmasked);
  p.cost = scenario.cluster.price_per_device_hour * devices * p.iteration_time_s / kSecondsPerHour;
}

StepTime CostModel::State::step_time(LayoutPasses& passes, const Layout& layout, Effort effort) {
  return {scenario, tails, passes.plan, layout, ends(passes, effort)};
}

Prediction CostModel::State::predict(const Layout& layout, Effort effort) {
  LayoutPasses& passes = passes_of(layout);
  Prediction p;
  p.layout = layout;
  p.micro_batches = passes.plan.micro_batches;
  add_stages(passes.plan, p);
  add_memory(passes, p, effort);
  if (effort == Effort::bound && p.fit == Fit::exceeds) return p;
  const StepTime time = step_time(passes, layout, effort);
  p.breakdown = time.pacing_breakdown();
  p.price_origins = time.pacing_origins();
  p.iteration_time_s = time.step_s();
  add_rates(p);
  return p;
}

CostModel::CostModel(Scenario scenario) : state_(std::make_unique<State>(std::move(scenario))) {}
CostModel::~CostModel() = default;
CostModel::CostModel(CostModel&&) noexcept = default;
CostModel& CostModel::operator=(CostModel&&) noexcept = default;

const Scenario& CostModel::scenario() const {
  return state_->scenario;
}

PredictionResult CostModel::predict(const Layout& layout) {
  if (auto broken = check_layout(state_->scenario, layout)) return *broken;
  return state_->predict(layout, State::Effort::full);
}

PredictionResult CostModel::bound(const Layout& layout) {
  if (auto broken = check_layout(state_->scenario, layout)) return *broken;
  return state_->predict(layout, State::Effort::bound);
}

Timeline CostModel::timeline(const Layout& layout) {
  State::LayoutPasses& passes = state_->passes_of(layout);
  const StepTime time = state_->step_time(passes, layout);
  const LayoutMemory memory(state_->scenario, layout, passes.plan, passes.memory);
  return build_timeline(passes.plan, time, memory);
}

std::vector<std::vector<OpTime>> CostModel::op_times(const Layout& layout) {
  State::LayoutPasses& passes = state_->passes_of(layout);
  const StepTime time = state_->step_time(passes, layout);
  return paraplan::op_times(state_->scenario, state_->planner, passes.plan, time, layout);
}

}  // namespace paraplan
