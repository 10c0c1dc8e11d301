#include "costmodel/timeline_builder.h"

namespace paraplan {
namespace {

// Memory of the stages as the replay walks on: allocated bytes, with the largest sum of a pass while it runs.
class MemoryTrack {
 public:
  MemoryTrack(const StepPlan& plan, const LayoutMemory& memory, Timeline& timeline)
      : plan_(plan), memory_(memory), timeline_(timeline) {
    for (int64_t s = 0; s < plan.split.pipeline; ++s) {
      alive_.push_back(memory.beside_passes(s).total());
      sample(s, 0, 0);
    }
  }

  void observe(const ReplayedStep& done) {
    const ChunkMemory& chunk =
        memory_.of_virtual_stage(static_cast<size_t>(done.step.chunk * plan_.split.pipeline + done.stage));
    const MemoryChange& pass = chunk.of(done.step.pass);
    sample(done.stage, done.start_s, pass.peak.total());
    alive_[static_cast<size_t>(done.stage)] += pass.delta.total();
    sample(done.stage, done.end_s, 0);
  }

 private:
  void sample(int64_t stage, double time_s, double more) {
    timeline_.memory.push_back({stage, time_s, alive_[static_cast<size_t>(stage)] + more});
  }

  const StepPlan& plan_;
  const LayoutMemory& memory_;
  Timeline& timeline_;
  std::vector<double> alive_;  // bytes, by stage
};

void add_pass(const ReplayedStep& done, Timeline& timeline) {
  timeline.events.push_back({done.stage, Lane::compute, to_string(done.step.pass), done.start_s, done.end_s,
                             done.step.micro_batch, done.step.chunk});
  const bool forward = done.step.pass == Pass::forward;
  if (done.sent_s > done.end_s)
    timeline.events.push_back({done.stage, Lane::messages, forward ? "send forward" : "send backward",
                               done.end_s, done.sent_s, done.step.micro_batch, done.step.chunk});
}

// What a stage does behind its last backward pass: the tail's ops, of which the sum over all ranks waits for
// the last of them, and the host's work of the step at the end.
void add_tail(const StepTime& time, int64_t stage, Timeline& timeline) {
  const TailTime& tail = time.tail(stage);
  double at = time.end_s(stage);
  for (size_t i = 0; i < tail.ops().size(); ++i) {
    const Op& op = tail.ops()[i].op;
    if (op.group == CommGroup::all) at = time.sum_s();
    const double end_s = at + tail.price(i).seconds;
    if (end_s > at)
      timeline.events.push_back(
          {stage, is_collective(op.kind) ? Lane::communication : Lane::compute, op.name, at, end_s});
    at = end_s;
  }
  if (time.step_s() > at)
    timeline.events.push_back({stage, Lane::compute, "per-step work", at, time.step_s()});
}

}  // namespace

Timeline build_timeline(const StepPlan& plan, const StepTime& time, const LayoutMemory& memory) {
  Timeline timeline;
  MemoryTrack track(plan, memory, timeline);
  replay(plan.times, plan.micro_batches, [&](const ReplayedStep& done) {
    add_pass(done, timeline);
    track.observe(done);
  });
  for (int64_t s = 0; s < plan.split.pipeline; ++s) add_tail(time, s, timeline);
  timeline.end_s = time.step_s();
  return timeline;
}

}  // namespace paraplan
