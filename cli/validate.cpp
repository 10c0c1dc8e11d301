#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/outputs.h"
#include "cli/warnings.h"
#include "costmodel/base/input_error.h"
#include "costmodel/io/measured_rows.h"
#include "costmodel/io/scenario_file.h"
#include "planner/calibrate/unseen_errors.h"
#include "planner/report/report_validation.h"
#include "planner/validate/validation.h"

namespace paraplan {
namespace {

struct ValidateOptions {
  std::vector<std::string> scenarios;
  std::string measured;
  bool json = false;
  bool summary = false;
};

// Empty when the scenario has no measured rows: `scenarios/*.toml` may be named as a whole. It is said, not
// hidden. `inputs` takes what was read.
std::optional<CalibrationPart> load_part(const std::string& path, const std::string& measured,
                                         Warnings& warnings, std::vector<std::string>& inputs) {
  const Scenario scenario = load_scenario(path);
  warnings.print(scenario);
  inputs.insert(inputs.end(), scenario.files.begin(), scenario.files.end());
  const std::string file = measured.empty() ? scenario.measured_path : measured;
  if (!file.empty()) {
    const std::vector<MeasuredRow> rows = load_measured(file, scenario);
    const std::vector<std::string> more = measured_files(file, rows);
    inputs.insert(inputs.end(), more.begin(), more.end());
    return CalibrationPart{scenario, std::filesystem::path(file).filename().string(), rows};
  }
  fmt::print(stderr, "paraplan: {}: no measured rows; skipped\n", path);
  return std::nullopt;
}

int run_validate(const ValidateOptions& options) {
  Warnings warnings;
  std::vector<CalibrationPart> tables;
  std::vector<std::string> inputs;
  for (const std::string& path : once(options.scenarios, warnings))
    if (auto part = load_part(path, options.measured, warnings, inputs)) tables.push_back(std::move(*part));
  std::vector<Validation> parts;
  for (const CalibrationPart& table : tables) parts.push_back(validate(table.scenario, table.rows));
  if (parts.empty()) {
    throw InputError(options.scenarios.front(), 0, "measured",
                     "the scenario names no measured rows; give --measured ROWS.tsv");
  }
  add_unseen_errors(tables, parts);
  Outputs(inputs).deliver({}, options.json      ? validation_json(parts)
                              : options.summary ? validation_overview(parts)
                                                : validation_report(parts));
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
  command->add_flag("--summary", options->summary, "One line per scenario instead of one per row");
  command->callback([options, &chosen] { chosen = [options] { return run_validate(*options); }; });
}

}  // namespace paraplan
