#include <memory>
#include <optional>
#include <string>

#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/outputs.h"
#include "cli/progress.h"
#include "cli/warnings.h"
#include "planner/report/report.h"
#include "planner/search/overrides.h"
#include "planner/search/plan_file.h"
#include "planner/search/plan_layouts.h"

namespace paraplan {
namespace {

struct PlanOptions {
  std::string scenario;
  std::string devices;  // empty: as the scenario says
  int64_t top = 10;
  std::string objective = "time";
  std::optional<double> headroom;  // empty: as the scenario says
  bool json = false;
  std::string out;
  bool force = false;
};

int run_plan(const PlanOptions& options) {
  Scenario scenario = load_and_warn(options.scenario);
  Outputs outputs(scenario.files, {options.force, options.json});
  outputs.add("--out", options.out, {FileKind::plan});
  if (!options.devices.empty()) {
    scenario = apply_overrides(scenario, {{"devices", options.devices}}, "command line");
  }
  if (options.headroom) scenario.search.headroom = *options.headroom;

  ProgressBar bar("pricing layouts");
  SearchOptions search;
  search.objective = parse_objective(options.objective);
  search.top = options.top;
  search.progress = [&bar](int64_t done, int64_t total) { bar.show(done, total); };
  const PlanResult plan = plan_layouts(scenario, search);
  bar.clear();

  std::vector<FileSet> files;
  if (!options.out.empty() && !plan.layouts.empty())
    files.push_back({{options.out, plan_file_text(scenario, plan.layouts.front(), options.out)}});
  outputs.deliver(files, options.json ? plan_json(scenario, plan) : plan_report(scenario, plan));
  return plan.layouts.empty() ? kCouldNot : kDone;
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
  command->add_flag("--json", options->json, "Print JSON");
  command->add_option("--out", options->out, "File to write the best layout to")
      ->check(file_name())
      ->type_name("PLAN");
  add_force(command, options->force);
  command->callback([options, &chosen] { chosen = [options] { return run_plan(*options); }; });
}

}  // namespace paraplan
