#include "planner/search/plan_layouts.h"

#include <utility>

#include "planner/search/search_space.h"

namespace paraplan {
namespace {

// A limit that [search] may set, and how to take it away.
struct Limit {
  const char* setting;
  bool (*is_set)(const SearchSpace&);
  void (*lift)(Scenario&);
};

template <auto member>
constexpr Limit limit(const char* setting) {
  return {setting, [](const SearchSpace& space) { return !(space.*member).empty(); },
          [](Scenario& scenario) { (scenario.search.*member).clear(); }};
}

void search_all_contexts(Scenario& scenario) {
  scenario.search.context = powers_of_two(scenario.cluster.devices());
}

void search_all_offloads(Scenario& scenario) {
  scenario.search.offload = {Offload::none};
  if (scenario.hardware.host.memory_bytes == 0) return;
  scenario.search.offload.insert(scenario.search.offload.end(),
                                 {Offload::optimizer, Offload::optimizer_and_parameters});
}

// Smaller changes first: of how a step is computed, then of where, then of what it needs beside the device.
constexpr Limit kLimits[] = {
    limit<&SearchSpace::micro_batch>("micro_batch"),
    limit<&SearchSpace::recompute>("recompute"),
    limit<&SearchSpace::recompute_layers>("recompute_layers"),
    limit<&SearchSpace::sequence_parallel>("sequence_parallel"),
    limit<&SearchSpace::zero_stage>("zero_stage"),
    limit<&SearchSpace::schedule>("schedule"),
    limit<&SearchSpace::virtual_stages>("virtual_stages"),
    limit<&SearchSpace::pipeline>("pipeline"),
    limit<&SearchSpace::tensor>("tensor"),
    {"context", limit<&SearchSpace::context>("").is_set, search_all_contexts},
    {"offload", limit<&SearchSpace::offload>("").is_set, search_all_offloads},
};

std::optional<PricedLayout> best_of(const Scenario& scenario, SearchOptions options) {
  options.top = 1;
  PlanResult plan = search_layouts(scenario, options);
  if (plan.layouts.empty()) return std::nullopt;
  return std::move(plan.layouts.front());
}

std::optional<Remedy> without(const Scenario& scenario, const std::vector<const Limit*>& lifted,
                              const std::string& name, bool in_widened, const SearchOptions& options) {
  Scenario relaxed = scenario;
  for (const Limit* limit : lifted) limit->lift(relaxed);
  const WidenedScenario wide = in_widened ? widened(relaxed) : WidenedScenario{relaxed, {}};
  auto best = best_of(wide.scenario, options);
  if (!best) return std::nullopt;
  return Remedy{name, wide.settings, std::move(*best)};
}

std::optional<Remedy> find_remedy(const Scenario& scenario, const SearchOptions& options) {
  std::vector<const Limit*> set;
  for (const Limit& limit : kLimits)
    if (limit.is_set(scenario.search)) set.push_back(&limit);
  for (const bool in_widened : {false, true}) {
    for (const Limit* limit : set) {
      const std::string name = std::string("search.") + limit->setting;
      if (auto remedy = without(scenario, {limit}, name, in_widened, options)) return remedy;
    }
  }
  if (set.size() < 2) return std::nullopt;
  return without(scenario, set, "any limit of [search]", true, options);
}

}  // namespace

WidenedScenario widened(const Scenario& scenario) {
  WidenedScenario wide{scenario, {}};
  if (scenario.search.context.empty() && scenario.cluster.devices() > 1) {
    search_all_contexts(wide.scenario);
    wide.settings.push_back("context");
  }
  if (scenario.search.offload.empty() && scenario.hardware.host.memory_bytes > 0) {
    search_all_offloads(wide.scenario);
    wide.settings.push_back("offload");
  }
  return wide;
}

PlanResult plan_layouts(const Scenario& scenario, const SearchOptions& options) {
  PlanResult plan = search_layouts(scenario, options);
  if (!plan.layouts.empty()) return plan;
  WidenedScenario wide = widened(scenario);
  if (!wide.settings.empty()) {
    plan = search_layouts(wide.scenario, options);
    plan.widened = std::move(wide.settings);
  }
  if (plan.layouts.empty()) plan.remedy = find_remedy(scenario, options);
  return plan;
}

}  // namespace paraplan
