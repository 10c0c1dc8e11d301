// How fast layouts are priced: GPT-3 175B on 1,024 A100s, the whole search space.
#include <benchmark/benchmark.h>

#include "costmodel/io/scenario_file.h"
#include "costmodel/time/step_plan.h"
#include "planner/search/search.h"
#include "planner/search/search_space.h"

namespace paraplan {
namespace {

Scenario gpt3() {
  return load_scenario(PARAPLAN_SOURCE_DIR "/scenarios/gpt3_175b_a100.toml");
}

// One model prices every layout, its memo empty at the start.
void price_layouts_on_one_thread(benchmark::State& state) {
  const Scenario scenario = gpt3();
  const std::vector<Layout> layouts = enumerate_layouts(scenario);
  for (auto _ : state) {
    CostModel model(scenario);
    for (const Layout& layout : layouts) benchmark::DoNotOptimize(model.predict(layout));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(layouts.size()));
  state.counters["layouts"] = static_cast<double>(layouts.size());
}
BENCHMARK(price_layouts_on_one_thread)->Unit(benchmark::kMillisecond);

// What the pipelines of all layouts take, pass by pass or as predict() finds their ends: how much that gains.
struct Pipelines {
  std::vector<PipelineTimes> times;
  std::vector<int64_t> micro_batches;
};

Pipelines pipelines() {
  const Scenario scenario = gpt3();
  StepPlanner planner(scenario);
  Pipelines all;
  for (const Layout& layout : enumerate_layouts(scenario)) {
    if (check_layout(scenario, layout)) continue;
    const StepPlan plan = planner.plan(layout);
    all.times.push_back(plan.times);
    all.micro_batches.push_back(plan.micro_batches);
  }
  return all;
}

void replay_pipelines_pass_by_pass(benchmark::State& state) {
  const Pipelines all = pipelines();
  for (auto _ : state)
    for (size_t i = 0; i < all.times.size(); ++i)
      benchmark::DoNotOptimize(replay(all.times[i], all.micro_batches[i]));
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(all.times.size()));
}
BENCHMARK(replay_pipelines_pass_by_pass)->Unit(benchmark::kMillisecond);

void find_ends_of_pipelines(benchmark::State& state) {
  const Pipelines all = pipelines();
  for (auto _ : state) {
    PipelineReplay fast;
    for (size_t i = 0; i < all.times.size(); ++i)
      benchmark::DoNotOptimize(fast.stage_ends(all.times[i], all.micro_batches[i]).data());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(all.times.size()));
}
BENCHMARK(find_ends_of_pipelines)->Unit(benchmark::kMillisecond);

// What the search does for every layout; only the promising ones are priced in full.
void bound_layouts_on_one_thread(benchmark::State& state) {
  const Scenario scenario = gpt3();
  const std::vector<Layout> layouts = enumerate_layouts(scenario);
  for (auto _ : state) {
    CostModel model(scenario);
    for (const Layout& layout : layouts) benchmark::DoNotOptimize(model.bound(layout));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(layouts.size()));
}
BENCHMARK(bound_layouts_on_one_thread)->Unit(benchmark::kMillisecond);

void search_on_all_threads(benchmark::State& state) {
  const Scenario scenario = gpt3();
  PlanResult plan;
  for (auto _ : state) plan = search_layouts(scenario, {});
  state.SetItemsProcessed(state.iterations() * plan.evaluated);
  state.counters["layouts"] = static_cast<double>(plan.evaluated);
  state.counters["fit"] = static_cast<double>(plan.feasible);
}
BENCHMARK(search_on_all_threads)->Unit(benchmark::kMillisecond)->UseRealTime();

void enumerate(benchmark::State& state) {
  const Scenario scenario = gpt3();
  for (auto _ : state) benchmark::DoNotOptimize(enumerate_layouts(scenario));
}
BENCHMARK(enumerate)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace paraplan
