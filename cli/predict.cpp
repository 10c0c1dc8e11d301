#include <fmt/format.h>

#include <memory>
#include <sstream>
#include <string>

#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/outputs.h"
#include "cli/warnings.h"
#include "costmodel/base/input_error.h"
#include "costmodel/cost_model.h"
#include "costmodel/io/text/layout_text.h"
#include "planner/report/report.h"
#include "planner/report/trace.h"

namespace paraplan {
namespace {

struct PredictOptions {
  std::string scenario;
  std::string layout;
  bool json = false;
  std::string trace;
  bool force = false;
};

int run_predict(const PredictOptions& options) {
  const Scenario scenario = load_and_warn(options.scenario);
  Outputs outputs(scenario.files, {options.force, options.json});
  outputs.add("--trace", options.trace, {FileKind::trace});
  const Layout layout = parse_layout(options.layout, "command line");
  CostModel model(scenario);
  const PredictionResult result = model.predict(layout);
  if (const auto* infeasible = std::get_if<Infeasible>(&result)) {
    throw InputError("command line", 0, "--layout",
                     fmt::format("{}: {} ({})", options.layout, infeasible->rule, infeasible->detail));
  }
  const Prediction& prediction = std::get<Prediction>(result);
  std::vector<FileSet> files;
  if (!options.trace.empty()) {
    std::ostringstream trace;
    write_chrome_trace(model.timeline(layout), trace);
    files.push_back({{options.trace, trace.str()}});
  }
  outputs.deliver(
      files, options.json ? prediction_json(scenario, prediction) : prediction_report(scenario, prediction));
  return kDone;
}

}  // namespace

void add_predict(CLI::App& app, Command& chosen) {
  const auto options = std::make_shared<PredictOptions>();
  CLI::App* command = app.add_subcommand("predict", "Time and memory of one layout, taken apart");
  add_scenario(command, options->scenario);
  command
      ->add_option("--layout", options->layout,
                   "Layout, e.g. data=8,tensor=2,pipeline=4,micro_batch=4,recompute=full")
      ->required()
      ->type_name("LAYOUT");
  command->add_flag("--json", options->json, "Print JSON");
  command->add_option("--trace", options->trace, "File for the step's timeline (Chrome trace)")
      ->check(file_name())
      ->type_name("TRACE");
  add_force(command, options->force);
  command->callback([options, &chosen] { chosen = [options] { return run_predict(*options); }; });
}

}  // namespace paraplan
