#include "costmodel/timeline_builder.h"

#include <algorithm>

#include "costmodel/memory/memory_model.h"

namespace paraplan {
namespace {

// Memory of the stages as the replay walks on.
class MemoryTrack {
 public:
  MemoryTrack(const Scenario& scenario, const StepPlan& plan, const Prediction& prediction,
              Timeline& timeline)
      : scenario_(scenario), plan_(plan), prediction_(prediction), timeline_(timeline) {
    for (size_t s = 0; s < prediction.stages.size(); ++s) {
      alive_.push_back(resting_bytes(prediction.stages[s].backward_memory));
      sample(static_cast<int64_t>(s), 0, 0);
    }
  }

  void observe(const ReplayedStep& done) {
    const double saved = chunk_bytes(done);
    double& alive = alive_[static_cast<size_t>(done.stage)];
    if (done.step.pass == Pass::forward) {
      alive += saved;
    } else {
      sample(done.stage, done.start_s, transient_bytes(done.stage));
      alive -= saved;
    }
    sample(done.stage, done.end_s, 0);
  }

 private:
  // What stays from step to step.
  static double resting_bytes(const MemoryUse& use) {
    double sum = 0;
    for (MemoryCategory c :
         {MemoryCategory::parameters, MemoryCategory::gradients, MemoryCategory::optimizer_states,
          MemoryCategory::communication_buffers, MemoryCategory::framework})
      sum += use[c];
    return sum;
  }

  double transient_bytes(int64_t stage) const {
    const MemoryUse& use = prediction_.stages[static_cast<size_t>(stage)].backward_memory;
    return std::max(use[MemoryCategory::loss],
                    use[MemoryCategory::recompute] + use[MemoryCategory::temporary]);
  }

  double chunk_bytes(const ReplayedStep& done) const {
    const auto part = static_cast<size_t>(done.step.chunk * plan_.times.pipeline + done.stage);
    return saved_bytes(*plan_.model, plan_.contents[part], prediction_.layout,
                       scenario_.software.communication.checkpoints_over_tensor);
  }

  void sample(int64_t stage, double time_s, double transient) {
    timeline_.memory.push_back({stage, time_s, alive_[static_cast<size_t>(stage)] + transient});
  }

  const Scenario& scenario_;
  const StepPlan& plan_;
  const Prediction& prediction_;
  Timeline& timeline_;
  std::vector<double> alive_;  // bytes, by stage
};

void add_pass(const ReplayedStep& done, Timeline& timeline) {
  const bool forward = done.step.pass == Pass::forward;
  timeline.events.push_back({done.stage, Lane::compute, forward ? "forward" : "backward", done.start_s,
                             done.end_s, done.step.micro_batch, done.step.chunk});
  if (done.sent_s > done.end_s)
    timeline.events.push_back({done.stage, Lane::communication, forward ? "send forward" : "send backward",
                               done.end_s, done.sent_s, done.step.micro_batch, done.step.chunk});
}

// Work after the last backward pass, alike on all stages: from the end of the pipeline to the end of the
// step.
void add_tail(const Scenario& scenario, const Prediction& prediction, double pipeline_end_s,
              Timeline& timeline) {
  const Breakdown& parts = prediction.breakdown;
  double at = pipeline_end_s;
  const auto add = [&](Lane lane, const char* name, double seconds) {
    if (seconds <= 0) return;
    for (int64_t s = 0; s < prediction.layout.pipeline; ++s)
      timeline.events.push_back({s, lane, name, at, at + seconds});
    at += seconds;
  };
  const bool inside = reduces_in_passes(scenario.software, prediction.layout);
  add(Lane::communication, "reduce gradients", inside ? 0 : parts[TimeCategory::data_communication]);
  add(Lane::compute, "optimizer",
      parts[TimeCategory::optimizer] + (inside ? 0 : parts[TimeCategory::offload]));
  add(Lane::compute, "per-step work", prediction.iteration_time_s - at);
  timeline.end_s = prediction.iteration_time_s;
}

}  // namespace

Timeline build_timeline(const Scenario& scenario, StepPlanner& planner, PipelineReplay& replay,
                        const Prediction& prediction) {
  const StepPlan plan = planner.plan(prediction.layout);
  Timeline timeline;
  MemoryTrack memory(scenario, plan, prediction, timeline);
  const std::vector<double> ends =
      replay.replay(plan.times, plan.micro_batches, [&](const ReplayedStep& done) {
        add_pass(done, timeline);
        memory.observe(done);
      });
  add_tail(scenario, prediction, *std::max_element(ends.begin(), ends.end()), timeline);
  return timeline;
}

}  // namespace paraplan
