#include "tests/mpi/layout_checks.h"

#include <fmt/core.h>

#include <stdexcept>

#include "tests/executor/covering.h"
#include "tests/executor/reference.h"

namespace paraplan {
namespace {

// What this rank sees of a training.
Trained train_as_rank(World& world, const TrainingJob& job) {
  const Scenario& s = job.scenario;
  const auto samples = synthetic_text(s.model, s.seq_length, s.global_batch);
  Trained trained;
  TrainingHooks hooks;
  hooks.before_update = [&](int64_t step, int, Parameters& parameters) {
    if (step == 0) collect_gradients(parameters, trained.first_gradients);
    if (step + 1 == job.steps) collect_gradients(parameters, trained.last_gradients);
  };
  for (const StepRecord& step : train(world, job, *samples, hooks).steps) {
    trained.losses.push_back(step.loss);
    trained.norms.push_back(step.gradient_norm);
  }
  return trained;
}

void check_case(World& world, const LayoutCase& c, Precision precision, References& references) {
  const Trained& whole = references.of(c, precision);
  const Trained part = train_as_rank(world, job_of(scenario_of(c, precision), c.layout));
  const Tolerance tolerance = tolerance_of(precision);
  const auto expect = [&](const char* what, double found) {
    if (found < tolerance.value) return;
    throw std::runtime_error(fmt::format("{} in {}: {} differ by {} from those of one rank", name_of(c),
                                         to_string(precision), what, found));
  };
  expect("losses", difference(whole.losses, part.losses));
  expect("gradients of the first step", difference_of_part(whole.first_gradients, part.first_gradients));
  // Equal norms say that no element is answered for twice, or by nobody.
  expect("norms of the first step", difference({whole.norms.front()}, {part.norms.front()}));
  if (!tolerance.last_gradients) return;
  expect("norms", difference(whole.norms, part.norms));
  expect("gradients of the last step", difference_of_part(whole.last_gradients, part.last_gradients));
}

}  // namespace

void check_layouts(World& world) {
  References references;
  int checked = 0;
  for (const LayoutCase& c : covering_cases()) {
    if (c.layout.devices() != world.size()) continue;
    for (const Precision precision : {Precision::fp64, Precision::fp32})
      check_case(world, c, precision, references);
    ++checked;
  }
  if (checked == 0) throw std::runtime_error(fmt::format("no case has {} ranks", world.size()));
  if (world.rank() == 0) fmt::print("{} layouts on {} ranks\n", checked, world.size());
}

}  // namespace paraplan
