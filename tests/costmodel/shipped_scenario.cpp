#include "tests/costmodel/shipped_scenario.h"

#include <algorithm>

#include "costmodel/cost_model.h"
#include "costmodel/io/scenario_file.h"

namespace paraplan {
namespace {

int64_t random_divisor(std::mt19937_64& random, int64_t whole) {
  std::vector<int64_t> divisors;
  for (int64_t i = 1; i <= whole; ++i)
    if (whole % i == 0) divisors.push_back(i);
  return divisors[static_cast<size_t>(random_below(random, static_cast<int64_t>(divisors.size())))];
}

template <class T>
T pick(std::mt19937_64& random, std::vector<T> values) {
  return values[static_cast<size_t>(random_below(random, static_cast<int64_t>(values.size())))];
}

Layout random_layout(const Scenario& scenario, std::mt19937_64& random) {
  Layout l;
  const int64_t devices = scenario.cluster.devices();
  l.tensor = random_divisor(random, std::min<int64_t>(devices, 16));
  l.pipeline = random_divisor(random, devices / l.tensor);
  l.context = random_below(random, 4) == 0 ? random_divisor(random, devices / l.tensor / l.pipeline) : 1;
  l.data = devices / l.tensor / l.pipeline / l.context;
  l.micro_batch = int64_t{1} << random_below(random, 5);
  l.schedule = pick<PipelineSchedule>(random, {PipelineSchedule::gpipe, PipelineSchedule::one_f_one_b,
                                               PipelineSchedule::interleaved, PipelineSchedule::zb_h1});
  if (l.schedule == PipelineSchedule::interleaved) l.virtual_stages = 2 + random_below(random, 3);
  l.recompute =
      pick<Recompute>(random, {Recompute::none, Recompute::selective, Recompute::full, Recompute::layers});
  if (l.recompute == Recompute::layers) l.recompute_layers = 1 + random_below(random, 8);
  l.sequence_parallel = l.tensor > 1 && random_below(random, 2) == 1;
  l.zero_stage = static_cast<int>(random_below(random, l.pipeline > 1 ? 2 : 4));
  l.offload = pick<Offload>(random, {Offload::none, Offload::none, Offload::optimizer});
  if (l.zero_stage == 3 && random_below(random, 2) == 1) l.offload = Offload::optimizer_and_parameters;
  for (size_t i = l.placement.size() - 1; i > 0; --i)
    std::swap(l.placement[i],
              l.placement[static_cast<size_t>(random_below(random, static_cast<int64_t>(i) + 1))]);
  return l;
}

}  // namespace

Scenario shipped_scenario(const std::string& name) {
  return load_scenario(std::string(PARAPLAN_SOURCE_DIR "/scenarios/") + name + ".toml");
}

int64_t random_below(std::mt19937_64& random, int64_t count) {
  return static_cast<int64_t>(random() % static_cast<uint64_t>(count));
}

Layout random_valid_layout(const Scenario& scenario, std::mt19937_64& random) {
  while (true) {
    const Layout layout = random_layout(scenario, random);
    if (!check_layout(scenario, layout)) return layout;
  }
}

}  // namespace paraplan
