#include "costmodel/step/schedule_check.h"

#include <fmt/format.h>

#include <array>

namespace paraplan {
namespace {

using StageLists = std::vector<std::vector<PipelineStep>>;
using Fault = std::optional<std::string>;

std::string text(size_t stage, const PipelineStep& step) {
  return fmt::format("stage {}: {} of micro-batch {}, chunk {}", stage, to_string(step.pass),
                     step.micro_batch, step.chunk);
}

// Which passes are done of each micro-batch on each virtual stage.
class Progress {
 public:
  Progress(int64_t parts, int64_t micro_batches)
      : micro_batches_(micro_batches), parts_(parts), done_(static_cast<size_t>(parts * micro_batches)) {}

  bool is_done(Pass pass, int64_t part, int64_t micro_batch) const {
    return done_[place(part, micro_batch)][static_cast<size_t>(pass)];
  }
  // Whether there is a gradient of the part's input.
  bool went_back(int64_t part, int64_t micro_batch) const {
    return is_done(Pass::backward, part, micro_batch) || is_done(Pass::data, part, micro_batch);
  }
  void set(Pass pass, int64_t part, int64_t micro_batch) {
    done_[place(part, micro_batch)][static_cast<size_t>(pass)] = true;
  }

  // Whether other stages have what the pass needs of them.
  bool is_ready(Pass pass, int64_t part, int64_t micro_batch) const {
    if (pass == Pass::forward) return part == 0 || is_done(Pass::forward, part - 1, micro_batch);
    if (pass == Pass::weight) return true;
    return part + 1 == parts_ || went_back(part + 1, micro_batch);
  }

 private:
  size_t place(int64_t part, int64_t micro_batch) const {
    return static_cast<size_t>(part * micro_batches_ + micro_batch);
  }

  int64_t micro_batches_, parts_;
  std::vector<std::array<bool, kPassKinds>> done_;  // by part and micro-batch
};

// What of its own stage a pass needs, and that it comes once.
Fault order_fault(const Progress& done, size_t stage, int64_t part, const PipelineStep& step) {
  const int64_t m = step.micro_batch;
  const bool backward = step.pass == Pass::backward || step.pass == Pass::data;
  if (done.is_done(step.pass, part, m) || (backward && done.went_back(part, m)))
    return text(stage, step) + " comes twice";
  if (backward && !done.is_done(Pass::forward, part, m)) return text(stage, step) + " comes before forward";
  if (step.pass == Pass::weight && !done.is_done(Pass::data, part, m))
    return text(stage, step) + " comes before data gradients";
  return std::nullopt;
}

// Walks all lists as far as they go.
Fault walk(const StageLists& stages, Progress& done) {
  const auto pipeline = static_cast<int64_t>(stages.size());
  std::vector<size_t> next(stages.size(), 0);
  for (bool moved = true; moved;) {
    moved = false;
    for (size_t s = 0; s < stages.size(); ++s) {
      for (; next[s] < stages[s].size(); ++next[s], moved = true) {
        const PipelineStep& step = stages[s][next[s]];
        const int64_t part = step.chunk * pipeline + static_cast<int64_t>(s);
        if (Fault fault = order_fault(done, s, part, step)) return fault;
        if (!done.is_ready(step.pass, part, step.micro_batch)) break;
        done.set(step.pass, part, step.micro_batch);
      }
    }
  }
  for (size_t s = 0; s < stages.size(); ++s)
    if (next[s] < stages[s].size()) return text(s, stages[s][next[s]]) + " waits for ever";
  return std::nullopt;
}

Fault range_fault(const StageLists& stages, int64_t micro_batches, int64_t virtual_stages) {
  for (size_t s = 0; s < stages.size(); ++s)
    for (const PipelineStep& step : stages[s])
      if (step.micro_batch < 0 || step.micro_batch >= micro_batches || step.chunk < 0 ||
          step.chunk >= virtual_stages)
        return text(s, step) + " is not of this step";
  return std::nullopt;
}

Fault missing_pass(const Progress& done, int64_t pipeline, int64_t micro_batches, int64_t virtual_stages) {
  for (int64_t part = 0; part < pipeline * virtual_stages; ++part) {
    for (int64_t m = 0; m < micro_batches; ++m) {
      const auto lacks = [&](Pass pass) {
        return text(static_cast<size_t>(part % pipeline), {pass, m, part / pipeline}) + " is missing";
      };
      if (!done.is_done(Pass::forward, part, m)) return lacks(Pass::forward);
      if (!done.went_back(part, m)) return lacks(Pass::backward);
      if (done.is_done(Pass::data, part, m) && !done.is_done(Pass::weight, part, m))
        return lacks(Pass::weight);
    }
  }
  return std::nullopt;
}

}  // namespace

Fault schedule_fault(const StageLists& stages, int64_t micro_batches, int64_t virtual_stages) {
  const auto pipeline = static_cast<int64_t>(stages.size());
  if (Fault fault = range_fault(stages, micro_batches, virtual_stages)) return fault;
  Progress done(pipeline * virtual_stages, micro_batches);
  if (Fault fault = walk(stages, done)) return fault;
  return missing_pass(done, pipeline, micro_batches, virtual_stages);
}

}  // namespace paraplan
