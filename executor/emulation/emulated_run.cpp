#include "executor/emulation/emulated_run.h"

#include <algorithm>
#include <iterator>

#include "executor/emulation/emulated_world.h"

namespace paraplan {
namespace {

void add_steps(const std::vector<StepRecord>& more, std::vector<StepRecord>& steps) {
  if (steps.empty()) steps = more;
  steps.resize(std::min(steps.size(), more.size()));
  for (size_t i = 0; i < steps.size(); ++i)
    if (more[i].seconds > steps[i].seconds) steps[i] = more[i];
}

}  // namespace

TrainingResult train_emulated(const TrainingJob& job, const std::vector<int>& ranks,
                              const SampleSource& samples, const TrainingHooks& hooks) {
  TrainingResult all;
  for (const int rank : ranks) {
    EmulatedWorld world(job.scenario, job.layout, rank);
    TrainingResult one = train(world, job, samples, hooks);
    add_steps(one.steps, all.steps);
    std::ranges::move(one.ranks, std::back_inserter(all.ranks));
    all.load = one.load;
    all.complete = one.complete;
    if (!all.complete) break;
  }
  return all;
}

}  // namespace paraplan
