#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "costmodel/input_error.h"
#include "costmodel/io/measured_rows.h"
#include "costmodel/io/scenario_file.h"
#include "planner/report_validation.h"
#include "planner/validation.h"

namespace paraplan {
namespace {

struct ValidateOptions {
  std::vector<std::string> scenarios;
  std::string measured;
  bool json = false;
};

Validation validate_scenario(const std::string& path, const std::string& measured) {
  const Scenario scenario = load_scenario(path);
  const std::string rows = measured.empty() ? scenario.measured_path : measured;
  if (rows.empty()) {
    throw InputError(path, 0, "measured", "the scenario names no measured rows; give --measured ROWS.tsv");
  }
  return validate(scenario, load_measured(rows, scenario));
}

int run_validate(const ValidateOptions& options) {
  std::vector<Validation> parts;
  for (const std::string& path : options.scenarios)
    parts.push_back(validate_scenario(path, options.measured));
  Validation all;
  for (const Validation& part : parts) append(all, part);
  if (options.json) {
    fmt::print("{}", validation_json(all));
    return kDone;
  }
  for (const Validation& part : parts) fmt::print("{}", validation_report(part));
  fmt::print("{}", validation_summary(all));
  return kDone;
}

}  // namespace

void add_validate(CLI::App& app, Command& chosen) {
  const auto options = std::make_shared<ValidateOptions>();
  CLI::App* command = app.add_subcommand("validate", "Predict measured training steps and print the errors");
  command->add_option("SCENARIO", options->scenarios, "Scenario files (.toml)")
      ->required()
      ->type_name("FILE");
  command->add_option("--measured", options->measured, "Measured rows to use instead of the scenarios' own")
      ->type_name("ROWS");
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options, &chosen] { chosen = [options] { return run_validate(*options); }; });
}

}  // namespace paraplan
