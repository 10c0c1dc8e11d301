#include "training.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <stdexcept>

#include "costmodel/base/input_error.h"
#include "costmodel/model/family.h"
#include "executor/worlds/worlds.h"

namespace paraplan {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// A rank's part may lack any element; the gradients of all ranks only those at the end, which are zero.
double difference_of_weight(const std::vector<double>& whole, const std::vector<double>& other,
                            bool complete) {
  double scale = 0, worst = 0;
  for (size_t i = 0; i < std::max(whole.size(), other.size()); ++i) {
    const double expected = i < whole.size() ? whole[i] : 0;
    if (i < whole.size()) scale = std::max(scale, std::abs(expected));
    const bool missing = i >= other.size() || std::isnan(other[i]);
    if (missing && !complete) continue;
    if (missing && i < other.size()) return kInfinity;
    const double d = std::abs(expected - (missing ? 0 : other[i]));
    if (!std::isfinite(d)) return kInfinity;
    worst = std::max(worst, d);
  }
  return scale > 0 ? worst / scale : worst;
}

double largest_difference(const Gradients& whole, const Gradients& other, bool complete) {
  double largest = 0;
  for (const auto& [weight, values] : other) {
    const auto match = whole.find(weight);
    if (match == whole.end()) return kInfinity;
    largest = std::max(largest, difference_of_weight(match->second, values, complete));
  }
  return largest;
}

}  // namespace

Scenario small_scenario(Family family, double dropout) {
  Scenario s;
  s.name = "small";
  s.model = model_of({.name = "small",
                      .family = family,
                      .layers = 4,
                      .hidden = 32,
                      .heads = 4,
                      .kv_heads = family == Family::llama ? 2 : 4,
                      .ffn = family == Family::llama ? 48 : 64,
                      .vocab = 61,
                      .tied_embeddings = family != Family::llama,
                      .dropout = dropout});
  s.seq_length = 16;
  s.global_batch = 8;
  s.precision = Precision::fp64;
  Fusion& f = s.software.fusion;
  f.cross_entropy = f.gradient_accumulation = f.in_place_gradients = true;
  s.software.communication.reduces_by_block = true;
  s.software.splits_backward = true;
  Host& host = s.hardware.host;
  host.device_link_bytes_per_s.value = host.node_link_bytes_per_s.value = 1e9;
  host.adam_parameters_per_s.value = 1e9;
  return s;
}

TrainingJob job_of(const Scenario& scenario, const Layout& layout, int64_t steps) {
  TrainingJob job;
  job.scenario = scenario;
  job.layout = layout;
  job.warmup_steps = 0;
  job.steps = steps;
  return job;
}

void collect_gradients(Parameters& parameters, Gradients& gradients) {
  parameters.visit_gradients([&](int64_t weight, int64_t index, double value) {
    std::vector<double>& values = gradients[weight];
    const auto place = static_cast<size_t>(index);
    if (place >= values.size()) values.resize(place + 1, std::numeric_limits<double>::quiet_NaN());
    if (!std::isnan(values[place])) throw std::logic_error("two ranks answer for the same gradient");
    values[place] = value;
  });
}

Trained train_on_threads(const TrainingJob& job) {
  const Scenario& s = job.scenario;
  return train_on_threads(job, *synthetic_text(s.model, s.seq_length, s.global_batch));
}

Trained train_on_threads(const TrainingJob& job, const SampleSource& samples) {
  Trained trained;
  std::mutex mutex;
  TrainingHooks hooks;
  hooks.before_update = [&](int64_t step, int, Parameters& parameters) {
    const std::lock_guard lock(mutex);
    if (step == 0) collect_gradients(parameters, trained.first_gradients);
    if (step + 1 == job.warmup_steps + job.steps) collect_gradients(parameters, trained.last_gradients);
  };
  run_threads(static_cast<int>(job.layout.devices()), [&](World& world) {
    TrainingResult result = train(world, job, samples, hooks);
    if (world.rank() != 0) return;
    for (const StepRecord& step : result.steps) {
      trained.losses.push_back(step.loss);
      trained.norms.push_back(step.gradient_norm);
    }
    trained.ranks = std::move(result.ranks);
  });
  return trained;
}

double difference(const Gradients& whole, const Gradients& other) {
  return whole.size() == other.size() ? largest_difference(whole, other, true) : kInfinity;
}

double difference_of_part(const Gradients& whole, const Gradients& part) {
  return largest_difference(whole, part, false);
}

double difference(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size() || a.empty()) return kInfinity;
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double d = std::abs(a[i] - b[i]) / std::max(std::abs(a[i]), 1e-300);
    if (!std::isfinite(d)) return kInfinity;
    largest = std::max(largest, d);
  }
  return largest;
}

}  // namespace paraplan
