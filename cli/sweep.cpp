#include "planner/search/sweep.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/outputs.h"
#include "cli/progress.h"
#include "cli/warnings.h"
#include "costmodel/base/input_error.h"
#include "costmodel/io/scenario_file.h"

namespace paraplan {
namespace {

struct SweepOptions {
  std::string scenario;
  std::vector<std::string> vary;
  std::string objective = "time";
  std::string csv;
  bool json = false;
  bool force = false;
};

// All that the sweep will read. Of values that are wrong the sweep itself tells.
std::vector<std::string> inputs_of(const Scenario& scenario, const std::vector<Variation>& variations) {
  std::vector<std::string> files = scenario.files;
  for (const Variation& variation : variations) {
    for (const std::string& value : variation.values) {
      try {
        const std::vector<std::string> more =
            override_files(scenario, {variation.key, value}, "command line");
        files.insert(files.end(), more.begin(), more.end());
      } catch (const InputError&) {
        continue;
      }
    }
  }
  return files;
}

int run_sweep(const SweepOptions& options) {
  const Scenario scenario = load_scenario(options.scenario);
  Warnings warnings;
  warnings.print(scenario);
  std::vector<Variation> variations;
  for (const std::string& text : options.vary) variations.push_back(parse_variation(text, "command line"));
  Outputs outputs(inputs_of(scenario, variations), {options.force, options.json});
  outputs.add("--csv", options.csv, {FileKind::sweep});

  ProgressBar bar("planning points");
  const auto progress = [&bar](int64_t done, int64_t total) { bar.show(done, total); };
  const std::vector<SweepPoint> points =
      sweep(scenario, variations, parse_objective(options.objective), progress);
  bar.clear();
  for (const SweepPoint& point : points) warnings.print(point.scenario);

  std::vector<FileSet> files;
  if (!options.csv.empty()) files.push_back({{options.csv, sweep_csv(points)}});
  outputs.deliver(files, options.json ? sweep_json(scenario, points) : sweep_report(points));
  const bool any_fits =
      std::ranges::any_of(points, [](const SweepPoint& point) { return !point.plan.layouts.empty(); });
  return any_fits ? kDone : kCouldNot;
}

}  // namespace

void add_sweep(CLI::App& app, Command& chosen) {
  const auto options = std::make_shared<SweepOptions>();
  CLI::App* command =
      app.add_subcommand("sweep", "Plan a scenario again for other sizes, links, profiles or prices");
  add_scenario(command, options->scenario);
  command
      ->add_option("--vary", options->vary,
                   "What to vary, e.g. nodes=4,8,16 or hardware.device.memory_GiB=40,80; may be given again")
      ->required()
      ->type_name("KEY=V1,V2,...")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  add_objective(command, options->objective,
                "; cost: on exactly the devices of a point where their number is varied, else also on fewer");
  CLI::Option* csv =
      command->add_option("--csv", options->csv, "File to write the rows to; - for standard output")
          ->check(file_name())
          ->type_name("FILE");
  command->add_flag("--json", options->json, "Print JSON")->excludes(csv);
  add_force(command, options->force);
  command->callback([options, &chosen] { chosen = [options] { return run_sweep(*options); }; });
}

}  // namespace paraplan
