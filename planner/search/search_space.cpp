#include "planner/search/search_space.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace paraplan {
namespace {

constexpr int64_t kLargestMicroBatch = 64;
constexpr int64_t kMostVirtualStages = 8;

std::vector<int64_t> divisors(int64_t n, int64_t largest) {
  std::vector<int64_t> found;
  for (int64_t i = 1; i <= std::min(n, largest); ++i) {
    if (n % i == 0) found.push_back(i);
  }
  return found;
}

// Replaces each layout by one copy per value of a setting; `values` may depend on what the layout has
// already.
template <class Values, class Set>
void expand(std::vector<Layout>& layouts, Values values, Set set) {
  std::vector<Layout> expanded;
  for (const Layout& layout : layouts) {
    for (const auto& value : values(layout)) {
      set(expanded.emplace_back(layout), value);
    }
  }
  layouts = std::move(expanded);
}

// The planner's ranges, for the settings that a scenario leaves open.

std::vector<int64_t> tensor_range(const Scenario& scenario) {
  std::vector<int64_t> sizes =
      powers_of_two(std::min(scenario.cluster.devices_per_node, scenario.cluster.devices()));
  for (const LayerKind& kind : scenario.model.kinds)
    std::erase_if(sizes, [&](int64_t size) { return kind.attention.heads % size != 0; });
  return sizes;
}

std::vector<int64_t> pipeline_range(const Scenario& scenario, const Layout& layout) {
  return divisors(scenario.cluster.devices() / (layout.tensor * layout.context), scenario.model.layers());
}

// Sizes that divide what a data-parallel replica gets; 1 when the batch does not even divide over the
// replicas.
std::vector<int64_t> micro_batch_range(const Scenario& scenario, const Layout& layout) {
  if (scenario.global_batch % layout.data != 0) return {1};
  const int64_t samples = scenario.global_batch / layout.data;
  std::vector<int64_t> sizes = powers_of_two(std::min(samples, kLargestMicroBatch));
  std::erase_if(sizes, [&](int64_t size) { return samples % size != 0; });
  return sizes;
}

std::vector<int64_t> virtual_stage_range(const Scenario& scenario, const Layout& layout) {
  const int64_t replica_batch = scenario.global_batch / layout.data;
  const bool even = scenario.global_batch % layout.data == 0 && replica_batch % layout.micro_batch == 0 &&
                    scenario.model.layers() % layout.pipeline == 0;
  if (layout.pipeline == 1 || !even || replica_batch / layout.micro_batch % layout.pipeline != 0) return {};
  return divisors(scenario.model.layers() / layout.pipeline, kMostVirtualStages);
}

std::vector<int> zero_stage_range(const Layout& layout) {
  if (layout.data * layout.context == 1) return {0};
  if (layout.pipeline > 1) return {0, 1};
  return {0, 1, 2, 3};
}

// Settings that come in pairs.

using ScheduleChoice = std::pair<PipelineSchedule, int64_t>;  // with its virtual stages

std::vector<ScheduleChoice> schedule_choices(const Scenario& scenario, const Layout& layout) {
  std::vector<PipelineSchedule> schedules = scenario.search.schedule;
  if (schedules.empty()) {
    schedules = {PipelineSchedule::one_f_one_b, PipelineSchedule::interleaved};
    if (scenario.software.splits_backward && layout.pipeline > 1)
      schedules.push_back(PipelineSchedule::zb_h1);
  }
  const std::vector<int64_t>& named = scenario.search.virtual_stages;
  const std::vector<int64_t> chunks = named.empty() ? virtual_stage_range(scenario, layout) : named;
  const bool plain = named.empty() || std::ranges::find(named, 1) != named.end();

  std::vector<ScheduleChoice> choices;
  for (const PipelineSchedule schedule : schedules) {
    if (schedule != PipelineSchedule::interleaved) {
      if (plain) choices.emplace_back(schedule, 1);
      continue;
    }
    for (const int64_t chunk : chunks) {
      if (chunk > 1) choices.emplace_back(schedule, chunk);
    }
  }
  return choices;
}

using RecomputeChoice = std::pair<Recompute, int64_t>;  // with its recompute_layers

std::vector<RecomputeChoice> recompute_choices(const Scenario& scenario, const Layout& layout) {
  std::vector<Recompute> modes = scenario.search.recompute;
  std::vector<int64_t> layers = scenario.search.recompute_layers;
  if (modes.empty()) {
    modes = {Recompute::none, Recompute::selective, Recompute::full};
    if (!layers.empty()) modes.push_back(Recompute::layers);
  }
  if (layers.empty())
    layers = powers_of_two(std::max<int64_t>(1, scenario.model.layers() / layout.pipeline - 1));

  std::vector<RecomputeChoice> choices;
  for (const Recompute mode : modes) {
    if (mode != Recompute::layers) {
      choices.emplace_back(mode, 0);
      continue;
    }
    for (const int64_t count : layers) choices.emplace_back(mode, count);
  }
  return choices;
}

template <class T>
std::vector<T> named_or(const std::vector<T>& named, std::vector<T> range) {
  return named.empty() ? std::move(range) : named;
}

// Layouts with their four sizes set: those whose product divides into the cluster's devices.
std::vector<Layout> enumerate_sizes(const Scenario& scenario) {
  const SearchSpace& space = scenario.search;
  const int64_t devices = scenario.cluster.devices();
  // Of `sizes`, those that divide what the sizes set so far leave of the devices.
  const auto dividing = [devices](const Layout& layout, std::vector<int64_t> sizes) {
    const int64_t left = devices / layout.devices();
    std::erase_if(sizes, [left](int64_t size) { return left % size != 0; });
    return sizes;
  };
  std::vector<Layout> layouts(1);
  expand(
      layouts,
      [&](const Layout& layout) { return dividing(layout, named_or(space.tensor, tensor_range(scenario))); },
      [](Layout& layout, int64_t size) { layout.tensor = size; });
  expand(
      layouts, [&](const Layout& layout) { return dividing(layout, named_or(space.context, {1})); },
      [](Layout& layout, int64_t size) { layout.context = size; });
  expand(
      layouts,
      [&](const Layout& layout) {
        return dividing(layout, named_or(space.pipeline, pipeline_range(scenario, layout)));
      },
      [](Layout& layout, int64_t size) { layout.pipeline = size; });
  for (Layout& layout : layouts) layout.data = devices / layout.devices();
  return layouts;
}

auto order_key(const Layout& l) {
  return std::tie(l.tensor, l.context, l.sequence_parallel, l.recompute, l.recompute_layers, l.micro_batch,
                  l.pipeline, l.data, l.schedule, l.virtual_stages, l.zero_stage, l.offload, l.stage_layers,
                  l.placement);
}

}  // namespace

std::vector<int64_t> powers_of_two(int64_t largest) {
  std::vector<int64_t> found;
  for (int64_t i = 1; i <= largest; i *= 2) found.push_back(i);
  return found;
}

std::weak_ordering layout_order(const Layout& a, const Layout& b) {
  if (order_key(a) < order_key(b)) return std::weak_ordering::less;
  return order_key(b) < order_key(a) ? std::weak_ordering::greater : std::weak_ordering::equivalent;
}

std::vector<Layout> enumerate_layouts(const Scenario& scenario) {
  const SearchSpace& space = scenario.search;
  std::vector<Layout> layouts = enumerate_sizes(scenario);
  expand(
      layouts,
      [&](const Layout& layout) { return named_or(space.micro_batch, micro_batch_range(scenario, layout)); },
      [](Layout& layout, int64_t samples) { layout.micro_batch = samples; });
  expand(
      layouts, [&](const Layout& layout) { return schedule_choices(scenario, layout); },
      [](Layout& layout, ScheduleChoice choice) {
        std::tie(layout.schedule, layout.virtual_stages) = choice;
      });
  expand(
      layouts, [&](const Layout& layout) { return recompute_choices(scenario, layout); },
      [](Layout& layout, RecomputeChoice choice) {
        std::tie(layout.recompute, layout.recompute_layers) = choice;
      });
  expand(
      layouts,
      [&](const Layout& layout) {
        return named_or(space.sequence_parallel,
                        layout.tensor > 1 ? std::vector<bool>{false, true} : std::vector<bool>{false});
      },
      [](Layout& layout, bool on) { layout.sequence_parallel = on; });
  expand(
      layouts, [&](const Layout& layout) { return named_or(space.zero_stage, zero_stage_range(layout)); },
      [](Layout& layout, int stage) { layout.zero_stage = stage; });
  expand(
      layouts, [&](const Layout&) { return named_or(space.offload, {Offload::none}); },
      [](Layout& layout, Offload offload) { layout.offload = offload; });

  std::ranges::sort(layouts, [](const Layout& a, const Layout& b) { return order_key(a) < order_key(b); });
  const auto repeated = std::ranges::unique(layouts);
  layouts.erase(repeated.begin(), repeated.end());
  return layouts;
}

}  // namespace paraplan
