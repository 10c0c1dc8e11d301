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
  explicit State(Scenario s) : scenario(std::move(s)), planner(scenario) {}

  Scenario scenario;
  StepPlanner planner;
  PipelineReplay replay;
  MomentsMemo moments;

  enum class Effort { bound, full };
  Prediction predict(const Layout& layout, Effort effort);
  StepTime step_time(const StepPlan& plan, const Layout& layout, Effort effort = Effort::full);
  void add_rates(Prediction& p) const;
  void add_stages(const StepPlan& plan, Prediction& p) const;
  void add_memory(const StepPlan& plan, Prediction& p, Effort effort);
};

void CostModel::State::add_stages(const StepPlan& plan, Prediction& p) const {
  for (int64_t s = 0; s < p.layout.pipeline; ++s) {
    StagePrediction stage;
    plan.split.for_stage(s, [&](size_t i) {
      const Chunk& chunk = plan.split.at(i);
      stage.layers += chunk.layers();
      stage.forward_s += plan.times.forward_s[i];
      stage.backward_s += plan.times.going_back_s(i);
    });
    stage.parameters = plan.split.state(s, plan.model->states).parameters;
    p.stages.push_back(stage);
  }
}

// A bound looks at stages only that may be the fullest.
void CostModel::State::add_memory(const StepPlan& plan, Prediction& p, Effort effort) {
  const LayoutMemory all(scenario, p.layout, plan, moments);
  double host_rank = 0;
  for (int64_t s = 0; s < p.layout.pipeline; ++s) {
    if (effort == Effort::bound && all.needs_no_more(s)) continue;
    StagePrediction& stage = p.stages[static_cast<size_t>(s)];
    const StageMemory memory = all.stage(s);
    stage.in_flight =
        peak_in_flight(p.layout.schedule, p.layout.pipeline, s, plan.micro_batches, p.layout.virtual_stages);
    stage.memory = memory.at_level;
    if (memory.at_level.total() > p.peak_memory_bytes) {
      p.peak_memory_bytes = memory.at_level.total();
      p.memory = memory.at_level;
    }
    p.device_memory_bytes = std::max(p.device_memory_bytes, memory.most_device_bytes);
    p.least_device_memory_bytes = std::max(
        p.least_device_memory_bytes, memory.device.total() - memory.device[MemoryCategory::fragmentation]);
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

StepTime CostModel::State::step_time(const StepPlan& plan, const Layout& layout, Effort effort) {
  return {scenario, planner, plan, layout,
          effort == Effort::bound ? earliest_ends(plan.times, plan.micro_batches).seconds
                                  : replay.stage_ends(plan.times, plan.micro_batches)};
}

Prediction CostModel::State::predict(const Layout& layout, Effort effort) {
  const StepPlan plan = planner.plan(layout);
  Prediction p;
  p.layout = layout;
  p.micro_batches = plan.micro_batches;
  add_stages(plan, p);
  add_memory(plan, p, effort);
  if (effort == Effort::bound && p.fit == Fit::exceeds) return p;
  const StepTime time = step_time(plan, layout, effort);
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
  const StepPlan plan = state_->planner.plan(layout);
  const StepTime time = state_->step_time(plan, layout);
  const LayoutMemory memory(state_->scenario, layout, plan, state_->moments);
  return build_timeline(plan, time, memory);
}

std::vector<std::vector<OpTime>> CostModel::op_times(const Layout& layout) {
  const StepPlan plan = state_->planner.plan(layout);
  const StepTime time = state_->step_time(plan, layout);
  return paraplan::op_times(state_->scenario, state_->planner, plan, time, layout);
}

}  // namespace paraplan
