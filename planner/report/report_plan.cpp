#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "planner/report/report.h"

namespace paraplan {
namespace {

double share(double part_s, const Prediction& prediction) {
  return prediction.iteration_time_s > 0 ? part_s / prediction.iteration_time_s : 0;
}

Table ranked_table(const Scenario& scenario, const PlanResult& plan) {
  const bool by_cost = plan.objective == Objective::cost;
  Table table{{{"#"}}, {}};
  std::vector<const Layout*> layouts;
  for (const PricedLayout& priced : plan.layouts) {
    table.rows.push_back({fmt::format("{}", table.rows.size() + 1)});
    layouts.push_back(&priced.prediction.layout);
  }
  if (by_cost) {
    table.columns.push_back({"devices"});
    for (size_t i = 0; i < layouts.size(); ++i)
      table.rows[i].push_back(fmt::format("{}", layouts[i]->devices()));
  }
  append_layout_columns(table, layouts);
  for (const char* title : {"time/step", "tokens/s/GPU", "MFU %", "memory GiB", "of", "bubble %", "comm %"}) {
    table.columns.push_back({title});
  }
  if (by_cost)
    table.columns.push_back({scenario.cluster.price_per_device_hour > 0 ? "price/sample" : "GPU s/sample"});
  for (size_t i = 0; i < plan.layouts.size(); ++i) {
    const Prediction& p = plan.layouts[i].prediction;
    auto& row = table.rows[i];
    row.insert(row.end(), {format_time(p.iteration_time_s), fmt::format("{:.0f}", p.tokens_per_s_per_device),
                           format_percent(p.mfu), format_gib(p.device_memory_bytes),
                           format_gib(p.available_memory_bytes),
                           format_percent(share(p.breakdown[TimeCategory::bubble], p)),
                           format_percent(share(exposed_communication_s(p.breakdown), p))});
    if (by_cost) row.push_back(fmt::format("{:.4g}", objective_value(scenario, Objective::cost, p)));
  }
  return table;
}

std::string lacking_cell(const Rejection& rejection) {
  if (rejection.most_lacking_bytes <= 0) return "";
  return fmt::format("lacking {} to {}; ", format_bytes(rejection.least_lacking_bytes),
                     format_bytes(rejection.most_lacking_bytes));
}

std::string rejected_report(const PlanResult& plan) {
  if (plan.rejected.empty()) return "";
  Table table{{{"layouts"}, {"rejected because", Align::left}, {"example", Align::left}}, {}};
  for (const auto& [reason, rejection] : plan.rejected) {
    table.rows.push_back(
        {fmt::format("{}", rejection.layouts), reason, lacking_cell(rejection) + rejection.example});
  }
  return fmt::format("\n{}", to_text(table));
}

// The layouts at the edge of memory, and what the best of them would have gained.
std::string tight_report(const Scenario& scenario, const PlanResult& plan) {
  if (!plan.best_left_out) return "";
  const Prediction& p = plan.best_left_out->prediction;
  std::string gain = "nothing else may run";
  if (!plan.layouts.empty()) {
    const double ratio = objective_value(scenario, plan.objective, plan.layouts.front().prediction) /
                         objective_value(scenario, plan.objective, p);
    gain = ratio > 1
               ? fmt::format("it would gain {} % of {}", format_percent(ratio - 1), to_string(plan.objective))
               : std::string("it would gain nothing");
  }
  return fmt::format("\nTight, and left out: {} layout{}. The best of them wants {} of {} GiB; {}:\n  {}\n",
                     plan.left_out, plan.left_out == 1 ? "" : "s", format_gib(p.device_memory_bytes),
                     format_gib(p.available_memory_bytes), gain, to_string(p.layout));
}

// What a whole run with the best layout takes, and which goals it misses.
std::string whole_run_report(const Scenario& scenario, const PlanResult& plan, const RunGoals& goals) {
  if (plan.layouts.empty()) return "";
  const PricedLayout& best = plan.layouts.front();
  std::string text;
  if (goals.tokens) {
    const WholeRun run = whole_run(scenario, best, *goals.tokens);
    const std::string cost = run.cost ? fmt::format("{:.4g} at {:g} per GPU-hour", *run.cost,
                                                    scenario.cluster.price_per_device_hour)
                                      : std::string("unknown: no price per GPU-hour is given");
    text += fmt::format(
        "\n{:.4g} tokens with the best layout, without failures, evaluation and checkpoints:\n"
        "  steps      {:.0f}\n  time       {:.4g} days\n  GPU-hours  {:.4g}\n  price      {}\n",
        *goals.tokens, run.steps, run.seconds / 86400, run.device_hours, cost);
  }
  for (const std::string& missed : missed_goals(scenario, best, goals))
    text += fmt::format("  not met: {}\n", missed);
  return text;
}

std::string widened_report(const PlanResult& plan) {
  return plan.widened.empty() ? ""
                              : "Nothing fits in the usual search. " + widened_text(plan.widened) + ".\n";
}

std::string remedy_report(const PlanResult& plan) {
  if (!plan.remedy) return "";
  const Prediction& p = plan.remedy->layout.prediction;
  const std::vector<std::string>& widened = plan.remedy->widened;
  return fmt::format("\nWithout {}, this would fit: {}\n  {} per step, {} of {} GiB{}\n", plan.remedy->limit,
                     to_string(p.layout), format_time(p.iteration_time_s), format_gib(p.device_memory_bytes),
                     format_gib(p.available_memory_bytes),
                     widened.empty() ? "" : ". " + widened_text(widened));
}

std::string closest_report(const PlanResult& plan) {
  if (!plan.closest || plan.best_left_out) return "";
  return fmt::format("\nClosest to fitting of those that do not: {}\n  {}: lacks {}\n",
                     to_string(plan.closest->prediction.layout), plan.closest_lack.reason,
                     format_bytes(plan.closest_lack.bytes));
}

}  // namespace

std::string widened_text(const std::vector<std::string>& settings) {
  return fmt::format("{} searched, too: check that the framework has {}", fmt::join(settings, " and "),
                     settings.size() == 1 ? "it" : "them");
}

std::string scenario_line(const Scenario& scenario) {
  return fmt::format("{}: {} on {} x {} {}, {}, {}; {} samples of {} tokens per step\n", scenario.name,
                     scenario.model.name, scenario.cluster.nodes, scenario.cluster.devices_per_node,
                     scenario.hardware.name,
                     scenario.network.name.empty() ? "no network" : scenario.network.name,
                     scenario.software.name, scenario.global_batch, scenario.seq_length);
}

std::string plan_report(const Scenario& scenario, const PlanResult& plan, const RunGoals& goals) {
  std::string text = scenario_line(scenario);
  text += fmt::format("{} layouts priced in {:.2f} s, {} fit; best by {}:\n\n", plan.evaluated, plan.seconds,
                      plan.feasible, to_string(plan.objective));
  text += widened_report(plan);
  text += plan.layouts.empty() ? std::string("  no layout fits\n") : to_text(ranked_table(scenario, plan));
  if (!plan.layouts.empty()) text += mfu_line(scenario.model);
  text += whole_run_report(scenario, plan, goals);
  return text + rejected_report(plan) + tight_report(scenario, plan) + remedy_report(plan) +
         closest_report(plan);
}

}  // namespace paraplan
