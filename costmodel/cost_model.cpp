#include "costmodel/cost_model.h"

#include <algorithm>
#include <cmath>

#include "costmodel/memory/memory_model.h"
#include "costmodel/ops/model_size.h"
#include "costmodel/time/op_times.h"
#include "costmodel/time/step_plan.h"
#include "costmodel/time/step_tail.h"
#include "costmodel/timeline_builder.h"

namespace paraplan {
namespace {

constexpr double kSecondsPerHour = 3600;

// What a stage does for one micro-batch, over all its chunks.
struct StageWork {
  double busy_s = 0;
  Breakdown device;  // seconds of kernels and collectives
  PriceOrigins origins;

  StageWork& operator+=(const StageWork& other) {
    busy_s += other.busy_s;
    device += other.device;
    origins += other.origins;
    return *this;
  }
};

StageWork work_of(const StepPlan& plan, int64_t stage) {
  StageWork work;
  for (size_t i : plan.parts_of(stage)) {
    const PassCost passes = plan.passes[i].forward + plan.passes[i].backward;
    work += {plan.times.forward_s[i] + plan.times.backward_s[i], passes.device, passes.origins};
  }
  return work;
}

// The work that paces the step: that of the busiest stage, or of the average one where the runtime spreads
// the work evenly.
StageWork pacing_work(const StepPlan& plan, StageBalance balance) {
  StageWork busiest, sum;
  for (int64_t s = 0; s < plan.times.pipeline; ++s) {
    const StageWork work = work_of(plan, s);
    if (work.busy_s > busiest.busy_s) busiest = work;
    sum += work;
  }
  if (balance != StageBalance::work) return busiest;
  const double share = 1 / static_cast<double>(plan.times.pipeline);
  sum.busy_s *= share;
  sum.device *= share;
  sum.origins *= share;
  return sum;
}

// The step's time on the pacing stage, by category, up to the end of the pipeline.
Breakdown pipeline_breakdown(const Scenario& scenario, const StepPlan& plan, const StageWork& pacing,
                             double end_s) {
  const auto count = static_cast<double>(plan.micro_batches);
  Breakdown parts = pacing.device;
  const double host_batches = scenario.software.host.micro_batch_s * scenario.hardware.host.launch_scale *
                              static_cast<double>(plan.times.virtual_stages);
  parts[TimeCategory::host] += std::max(0.0, pacing.busy_s - host_batches - parts.total());
  parts[TimeCategory::other] += host_batches;
  parts *= count;
  const bool alone = plan.times.pipeline == 1;  // then the difference is rounding
  const double idle = alone ? 0 : std::max(0.0, end_s - pacing.busy_s * count);
  double sends = 0;
  for (size_t i = 0; i < plan.passes.size(); ++i)
    sends += plan.times.send_forward_s[i] + plan.times.send_backward_s[i];
  if (plan.times.blocking_sends) sends *= std::max(1.0, count / static_cast<double>(plan.times.pipeline));
  parts[TimeCategory::pipeline_communication] = std::min(idle, sends);
  parts[TimeCategory::bubble] = idle - parts[TimeCategory::pipeline_communication];
  return parts;
}

StageMemoryInput memory_input(const StepPlan& plan, const Layout& layout, int64_t stage) {
  StageMemoryInput input;
  input.stage = stage;
  input.micro_batches = plan.micro_batches;
  for (size_t i : plan.parts_of(stage)) input.chunks.push_back(plan.contents[i]);
  input.in_flight =
      peak_in_flight(layout.schedule, layout.pipeline, stage, plan.micro_batches, layout.virtual_stages);
  for (int64_t ranks : {layout.tensor, layout.data * layout.context, layout.pipeline, layout.context})
    input.communicators += ranks > 1 ? 1 : 0;
  return input;
}

double stage_sum(const StepPlan& plan, int64_t stage, double (*of)(const ModelCost&, const StageContent&)) {
  double sum = 0;
  for (size_t i : plan.parts_of(stage)) sum += of(*plan.model, plan.contents[i]);
  return sum;
}

}  // namespace

struct CostModel::State {
  explicit State(Scenario s) : scenario(std::move(s)), planner(scenario) {}

  Scenario scenario;
  StepPlanner planner;
  PipelineReplay replay;

  enum class Effort { bound, full };
  Prediction predict(const Layout& layout, Effort effort);
  void add_rates(Prediction& p) const;
  void add_stages(const StepPlan& plan, Prediction& p) const;
  void add_time(const StepPlan& plan, const std::vector<double>& ends, Prediction& p) const;
  void add_memory(const StepPlan& plan, Prediction& p) const;
  double data_loading_s(const Layout& layout) const;
};

void CostModel::State::add_stages(const StepPlan& plan, Prediction& p) const {
  for (int64_t s = 0; s < p.layout.pipeline; ++s) {
    StagePrediction stage;
    for (size_t i : plan.parts_of(s)) {
      stage.layers += plan.contents[i].layers;
      stage.forward_s += plan.times.forward_s[i];
      stage.backward_s += plan.times.backward_s[i];
    }
    stage.parameters = stage_sum(plan, s, stage_parameters);
    p.stages.push_back(stage);
  }
}

void CostModel::State::add_time(const StepPlan& plan, const std::vector<double>& ends, Prediction& p) const {
  const Links& links = planner.pricer().links();
  const double pipeline_end = *std::max_element(ends.begin(), ends.end());
  double reduced = 0, gathered = 0, partial = 0;
  Breakdown update;
  for (int64_t s = 0; s < p.layout.pipeline; ++s) {
    const StagePrediction& stage = p.stages[static_cast<size_t>(s)];
    const StageState state{stage.parameters, stage_sum(plan, s, stage_weights), stage.backward_s,
                           static_cast<double>(plan.micro_batches),
                           stage_sum(plan, s, stage_partial_parameters)};
    reduced = std::max(reduced, ends[static_cast<size_t>(s)] +
                                    exposed_reduction_s(scenario, links, p.layout, plan.groups.data, state));
    gathered =
        std::max(gathered, parameter_gather_s(scenario, links, p.layout, plan.groups.data, stage.parameters));
    const Breakdown step = optimizer_step(scenario, p.layout, planner.pricer().kernels(), state);
    partial = std::max(partial, partial_gradients_s(scenario, links, p.layout, plan.groups.tensor, state));
    if (step.total() > update.total()) update = step;
  }
  const StageWork pacing = pacing_work(plan, scenario.software.stage_balance);
  p.breakdown = pipeline_breakdown(scenario, plan, pacing, pipeline_end);
  p.price_origins = pacing.origins;
  p.price_origins *= static_cast<double>(plan.micro_batches);
  p.breakdown[TimeCategory::data_communication] +=
      reduced - pipeline_end + gathered + tied_embedding_s(scenario, links, p.layout);
  p.breakdown[TimeCategory::tensor_communication] += partial;
  p.breakdown += update;
  const double spread = std::sqrt(std::log2(static_cast<double>(scenario.cluster.nodes)));
  p.breakdown[TimeCategory::other] += scenario.software.host.step_s * scenario.hardware.host.launch_scale +
                                      scenario.network.straggler * spread * pipeline_end;
  p.breakdown[TimeCategory::other] += std::max(0.0, data_loading_s(p.layout) - p.breakdown.total());
  p.iteration_time_s = p.breakdown.total();
}

// Time in which each data-parallel rank's loader prepares the samples of a step, while the step before runs.
// BERT's masking is done in Python, token by token; the other families read ready tokens.
double CostModel::State::data_loading_s(const Layout& layout) const {
  if (scenario.model.family != Family::bert) return 0;
  const double tokens = static_cast<double>(scenario.global_batch) / static_cast<double>(layout.data) *
                        static_cast<double>(scenario.seq_length);
  return tokens * scenario.software.host.masked_token_s * scenario.hardware.host.launch_scale;
}

void CostModel::State::add_memory(const StepPlan& plan, Prediction& p) const {
  double host_rank = 0;
  for (int64_t s = 0; s < p.layout.pipeline; ++s) {
    StagePrediction& stage = p.stages[static_cast<size_t>(s)];
    const StageMemoryInput input = memory_input(plan, p.layout, s);
    const StageMemory memory = stage_memory(scenario, *plan.model, p.layout, input);
    stage.in_flight = input.in_flight;
    stage.memory = memory.at_level;
    stage.backward_memory = memory.backward;
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

Prediction CostModel::State::predict(const Layout& layout, Effort effort) {
  const StepPlan plan = planner.plan(layout);
  Prediction p;
  p.layout = layout;
  p.micro_batches = plan.micro_batches;
  add_stages(plan, p);
  add_memory(plan, p);
  if (effort == Effort::bound && p.fit == Fit::exceeds) return p;
  add_time(plan,
           effort == Effort::bound ? earliest_ends(plan.times, plan.micro_batches)
                                   : replay.stage_ends(plan.times, plan.micro_batches),
           p);
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
  return build_timeline(state_->scenario, state_->planner, state_->replay,
                        state_->predict(layout, State::Effort::full));
}

std::vector<std::vector<OpTime>> CostModel::op_times(const Layout& layout) {
  return paraplan::op_times(state_->scenario, state_->planner, state_->replay, layout);
}

}  // namespace paraplan
