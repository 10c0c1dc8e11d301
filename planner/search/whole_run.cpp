#include "planner/search/whole_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "costmodel/ops/model_size.h"
#include "planner/search/plan_layouts.h"

namespace paraplan {
namespace {

constexpr double kHour = 3600, kDay = 24 * kHour;

double steps_of(const Scenario& scenario, double tokens) {
  return std::ceil(tokens /
                   (static_cast<double>(scenario.global_batch) * static_cast<double>(scenario.seq_length)));
}

}  // namespace

WholeRun whole_run(const Scenario& scenario, const PricedLayout& layout, double tokens) {
  WholeRun run;
  run.steps = steps_of(scenario, tokens);
  run.seconds = run.steps * layout.prediction.iteration_time_s;
  run.device_hours = run.seconds / kHour * static_cast<double>(layout.cluster.devices());
  const double price = scenario.cluster.price_per_device_hour;
  if (price > 0) run.cost = run.device_hours * price;
  return run;
}

double longest_step_s(const Scenario& scenario, const Cluster& cluster, const RunGoals& goals) {
  double longest = std::numeric_limits<double>::infinity();
  const auto devices = static_cast<double>(cluster.devices());
  const double steps = goals.tokens ? steps_of(scenario, *goals.tokens) : 0,
               price = scenario.cluster.price_per_device_hour;
  if (goals.deadline_s) longest = std::min(longest, *goals.deadline_s / steps);
  if (goals.max_cost) longest = std::min(longest, *goals.max_cost * kHour / (price * devices * steps));
  if (goals.min_mfu) {
    const double flop = model_flop_per_sample(scenario.model, scenario.seq_length, AttentionCount::full) *
                        static_cast<double>(scenario.global_batch);
    longest = std::min(longest, flop / (*goals.min_mfu * peak_flop_per_s(scenario) * devices));
  }
  return longest;
}

std::vector<std::string> missed_goals(const Scenario& scenario, const PricedLayout& layout,
                                      const RunGoals& goals) {
  std::vector<std::string> missed;
  if (goals.min_mfu && layout.prediction.mfu < *goals.min_mfu)
    missed.push_back(fmt::format("MFU: is {:.1f} %, {:.1f} % are wanted", 100 * layout.prediction.mfu,
                                 100 * *goals.min_mfu));
  if (!goals.tokens) return missed;
  const WholeRun run = whole_run(scenario, layout, *goals.tokens);
  if (goals.deadline_s && run.seconds > *goals.deadline_s)
    missed.push_back(fmt::format("deadline: takes {:.4g} d, {:.4g} d are wanted", run.seconds / kDay,
                                 *goals.deadline_s / kDay));
  if (goals.max_cost && run.cost && *run.cost > *goals.max_cost)
    missed.push_back(fmt::format("cost: is {:.4g}, {:.4g} is wanted at most", *run.cost, *goals.max_cost));
  return missed;
}

PlanResult plan_for_goals(const Scenario& scenario, SearchOptions options, const RunGoals& goals) {
  if (!goals.any_limit()) return plan_layouts(scenario, options);
  SearchOptions limited = options;
  limited.longest_step_s = [&](const Cluster& cluster) { return longest_step_s(scenario, cluster, goals); };
  PlanResult plan = search_layouts(scenario, limited);
  return plan.layouts.empty() ? plan_layouts(scenario, options) : plan;
}

}  // namespace paraplan
