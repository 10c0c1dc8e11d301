#include <memory>
#include <optional>
#include <string>

#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/outputs.h"
#include "cli/progress.h"
#include "cli/warnings.h"
#include "costmodel/base/input_error.h"
#include "costmodel/io/text/quantity.h"
#include "planner/report/report.h"
#include "planner/search/overrides.h"
#include "planner/search/plan_file.h"
#include "planner/search/whole_run.h"

namespace paraplan {
namespace {

struct PlanOptions {
  std::string scenario;
  std::string devices;  // empty: as the scenario says
  int64_t top = 10;
  std::string objective = "time";
  std::optional<double> headroom;  // empty: as the scenario says
  std::string tokens, deadline;    // empty: not given
  std::optional<double> price_per_hour, max_cost, min_mfu_percent;
  bool json = false;
  std::string out;
  bool force = false;
};

RunGoals goals_of(const PlanOptions& options, const Scenario& scenario) {
  RunGoals goals;
  if (!options.tokens.empty()) goals.tokens = parse_count(options.tokens);
  if (!options.deadline.empty()) goals.deadline_s = parse_duration(options.deadline);
  goals.max_cost = options.max_cost;
  if (options.min_mfu_percent) goals.min_mfu = *options.min_mfu_percent / 100;
  const auto need = [](bool is_there, const char* option, const char* what) {
    if (!is_there) throw InputError("command line", 0, option, what);
  };
  if (goals.deadline_s)
    need(goals.tokens.has_value(), "--deadline", "needs --tokens, which say how long a run is");
  if (!goals.max_cost) return goals;
  need(goals.tokens.has_value(), "--max-cost", "needs --tokens, which say how long a run is");
  need(scenario.cluster.price_per_device_hour > 0, "--max-cost",
       "needs --price-per-hour, or price_per_device_hour in the scenario's [cluster]");
  return goals;
}

int run_plan(const PlanOptions& options) {
  Scenario scenario = load_and_warn(options.scenario);
  Outputs outputs(scenario.files, {options.force, options.json});
  outputs.add("--out", options.out, {FileKind::plan});
  if (!options.devices.empty()) {
    scenario = apply_overrides(scenario, {{"devices", options.devices}}, "command line");
  }
  if (options.headroom) scenario.search.headroom = *options.headroom;
  if (options.price_per_hour) scenario.cluster.price_per_device_hour = *options.price_per_hour;
  const RunGoals goals = goals_of(options, scenario);

  ProgressBar bar("pricing layouts");
  SearchOptions search;
  search.objective = parse_objective(options.objective);
  search.top = options.top;
  search.progress = [&bar](int64_t done, int64_t total) { bar.show(done, total); };
  const PlanResult plan = plan_for_goals(scenario, search, goals);
  bar.clear();

  std::vector<FileSet> files;
  if (!options.out.empty() && !plan.layouts.empty())
    files.push_back({{options.out, plan_file_text(scenario, plan.layouts.front(), options.out)}});
  outputs.deliver(files,
                  options.json ? plan_json(scenario, plan, goals) : plan_report(scenario, plan, goals));
  if (plan.layouts.empty()) return kCouldNot;
  return missed_goals(scenario, plan.layouts.front(), goals).empty() ? kDone : kGoalMissed;
}

void add_goals(CLI::App* command, PlanOptions& options) {
  command->add_option("--tokens", options.tokens, "Tokens of a whole run, such as 15T: its time and price")
      ->check(count())
      ->type_name("N");
  command
      ->add_option("--price-per-hour", options.price_per_hour,
                   "Price of a device for an hour, instead of the scenario's")
      ->check(number_above_zero())
      ->type_name("PRICE");
  command
      ->add_option("--deadline", options.deadline, "Longest time of the run, such as 30d; else exit code 3")
      ->check(duration())
      ->type_name("TIME");
  command->add_option("--max-cost", options.max_cost, "Highest price of the run; else exit code 3")
      ->check(number_above_zero())
      ->type_name("PRICE");
  command->add_option("--min-mfu", options.min_mfu_percent, "Lowest MFU in percent; else exit code 3")
      ->check(number_above_zero())
      ->type_name("PERCENT");
}

}  // namespace

void add_plan(CLI::App& app, Command& chosen) {
  const auto options = std::make_shared<PlanOptions>();
  CLI::App* command = app.add_subcommand("plan", "Price every layout of a scenario and rank those that fit");
  add_scenario(command, options->scenario);
  command->add_option("--devices", options->devices, "Devices to use instead of the scenario's number")
      ->type_name("N");
  command->add_option("--top", options->top, "Layouts to show")
      ->check(whole_number(1, kMostShown))
      ->capture_default_str();
  command
      ->add_option("--headroom", options->headroom,
                   "Share of a device's memory that a layout must leave unused, instead of the scenario's")
      ->check(share_up_to(kLargestHeadroom))
      ->type_name("SHARE");
  add_objective(command, options->objective);
  add_goals(command, *options);
  command->add_flag("--json", options->json, "Print JSON");
  command->add_option("--out", options->out, "File to write the best layout to")
      ->check(file_name())
      ->type_name("PLAN");
  add_force(command, options->force);
  command->callback([options, &chosen] { chosen = [options] { return run_plan(*options); }; });
}

}  // namespace paraplan
