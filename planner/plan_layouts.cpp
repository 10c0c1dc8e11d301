#include "planner/plan_layouts.h"

#include <utility>

#include "planner/search_space.h"

namespace paraplan {
namespace {

// A limit that [search] may set, and how to take it away.
struct Limit {
  const char* setting;
  bool (*is_set)(const SearchSpace&);
  void (*lift)(SearchSpace&);
};

template <auto member>
constexpr Limit limit(const char* setting) {
  return {setting, [](const SearchSpace& space) { return !(space.*member).empty(); },
          [](SearchSpace& space) { (space.*member).clear(); }};
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
    limit<&SearchSpace::context>("context"),
    limit<&SearchSpace::offload>("offload"),
};

std::optional<Remedy> with_limits_lifted(const Scenario& scenario, const SearchOptions& options,
                                         const std::string& name, const std::vector<const Limit*>& lifted) {
  Scenario relaxed = scenario;
  for (const Limit* limit : lifted) limit->lift(relaxed.search);
  SearchOptions one = options;
  one.top = 1;
  PlanResult plan = search_layouts(widened(relaxed).scenario, one);
  if (plan.layouts.empty()) return std::nullopt;
  return Remedy{name, std::move(plan.layouts.front())};
}

std::optional<Remedy> find_remedy(const Scenario& scenario, const SearchOptions& options) {
  std::vector<const Limit*> set;
  for (const Limit& limit : kLimits)
    if (limit.is_set(scenario.search)) set.push_back(&limit);
  for (const Limit* limit : set) {
    const std::string name = std::string("search.") + limit->setting;
    if (auto remedy = with_limits_lifted(scenario, options, name, {limit})) return remedy;
  }
  if (set.size() < 2) return std::nullopt;
  return with_limits_lifted(scenario, options, "all limits of [search]", set);
}

}  // namespace

WidenedScenario widened(const Scenario& scenario) {
  WidenedScenario wide{scenario, {}};
  SearchSpace& search = wide.scenario.search;
  if (search.context.empty() && scenario.cluster.devices() > 1) {
    search.context = powers_of_two(scenario.cluster.devices());
    wide.settings.push_back("context");
  }
  if (search.offload.empty() && scenario.hardware.host.memory_bytes > 0) {
    search.offload = {Offload::none, Offload::optimizer, Offload::optimizer_and_parameters};
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
