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
    return saved_bytes(*plan_.model, plan_.split.at(part), prediction_.layout,
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
    timeline.events.push_back({done.stage, Lane::messages, forward ? "send forward" : "send backward",
                               done.end_s, done.sent_s, done.step.micro_batch, done.step.chunk});
}

// What a stage does behind its last backward pass: the tail's ops, of which the sum over all ranks waits for
// the last of them, and the host's work of the step at the end.
void add_tail(const StepTime& time, int64_t stage, Timeline& timeline) {
  const TailTime& tail = time.tail(stage);
  double at = time.end_s(stage);
  for (size_t i = 0; i < tail.ops.size(); ++i) {
    const Op& op = tail.ops[i].op;
    if (op.group == CommGroup::all) at = time.sum_s();
    const double end_s = at + tail.prices[i].seconds;
    if (end_s > at)
      timeline.events.push_back(
          {stage, is_collective(op.kind) ? Lane::communication : Lane::compute, op.name, at, end_s});
    at = end_s;
  }
  if (time.step_s() > at)
    timeline.events.push_back({stage, Lane::compute, "per-step work", at, time.step_s()});
}

}  // namespace

Timeline build_timeline(const Scenario& scenario, const StepPlan& plan, const StepTime& time,
                        PipelineReplay& replay, const Prediction& prediction) {
  Timeline timeline;
  MemoryTrack memory(scenario, plan, prediction, timeline);
  replay.replay(plan.times, plan.micro_batches, [&](const ReplayedStep& done) {
    add_pass(done, timeline);
    memory.observe(done);
  });
  for (int64_t s = 0; s < plan.split.pipeline; ++s) add_tail(time, s, timeline);
  timeline.end_s = time.step_s();
  return timeline;
}

}  // namespace paraplan
