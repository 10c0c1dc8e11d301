#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/warnings.h"
#include "costmodel/input_error.h"
#include "costmodel/io/measured_rows.h"
#include "costmodel/io/profiles.h"
#include "costmodel/io/scenario_file.h"
#include "costmodel/io/text.h"
#include "planner/calibration.h"
#include "planner/peak_share.h"
#include "planner/report_calibration.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;

struct CalibrateOptions {
  std::vector<std::string> scenarios;
  std::string measured;
  std::vector<std::string> same;  // "PROFILE=PROFILE"
  std::string quantity = "time";
  CalibrationOptions fit;
  bool json = false;
  std::string out;
};

// Rows that no device can have achieved would only pull the constants away.
void leave_out_rows_above_peak(CalibrationPart& part, Warnings& warnings) {
  const std::vector<RowAbovePeak> removed = remove_rows_above_peak(part.scenario, part.rows);
  if (removed.empty()) return;
  warnings.print(
      fmt::format("{}: left out, because no device does that: {}", part.table, to_string(removed)));
}

CalibrationPart load_part(const std::string& path, const std::string& measured, Warnings& warnings) {
  CalibrationPart part{load_scenario(path), "", {}};
  warnings.print(part.scenario);
  const std::string rows = measured.empty() ? part.scenario.measured_path : measured;
  if (rows.empty()) {
    throw InputError(path, 0, "measured", "the scenario names no measured rows; give --measured ROWS.tsv");
  }
  part.table = fs::path(rows).filename().string();
  part.rows = load_measured(rows, part.scenario);
  leave_out_rows_above_peak(part, warnings);
  return part;
}

SameProfile parse_same(const std::string& text) {
  const std::vector<std::string> names = split(text, '=');
  if (names.size() != 2 || names[0].empty() || names[1].empty()) {
    throw InputError("command line", 0, "--same", fmt::format("must be PROFILE=PROFILE, is \"{}\"", text));
  }
  return {names[0], names[1]};
}

CalibrationOptions fit_options(const CalibrateOptions& options) {
  CalibrationOptions fit = options.fit;
  fit.time = options.quantity != "memory";
  fit.memory = options.quantity != "time";
  for (const std::string& text : options.same) fit.same.push_back(parse_same(text));
  return fit;
}

size_t count(const ProfileSet& profiles) {
  return profiles.hardware.size() + profiles.networks.size() + profiles.software.size();
}

// One changed profile goes to the file `out`, several to folders by kind in `out`.
void write_profiles(const ProfileSet& profiles, const fs::path& out) {
  if (count(profiles) > 1 && out.extension() == ".toml") {
    throw InputError("command line", 0, "--out",
                     fmt::format("must be a folder, because {} profiles change, is \"{}\"", count(profiles),
                                 out.string()));
  }
  const bool file = count(profiles) == 1 && !fs::is_directory(out);
  const auto place = [&](const char* kind, const std::string& name) {
    if (file) return out;
    fs::create_directories(out / kind);
    return out / kind / (name + ".toml");
  };
  for (const auto& [name, profile] : profiles.hardware) write_hardware(profile, place("hardware", name));
  for (const auto& [name, network] : profiles.networks) write_network(network, place("networks", name));
  for (const auto& [name, profile] : profiles.software) write_software(profile, place("software", name));
}

int run_calibrate(const CalibrateOptions& options) {
  Warnings warnings;
  std::vector<CalibrationPart> parts;
  for (const std::string& path : options.scenarios)
    parts.push_back(load_part(path, options.measured, warnings));
  ProgressBar bar("leaving rows out");
  CalibrationOptions fit = fit_options(options);
  fit.progress = [&bar](int64_t done, int64_t total) { bar.show(done, total); };
  const Calibration calibration = calibrate(parts, fit);
  bar.clear();

  const bool better = calibration.failure.empty();
  if (better && !options.out.empty()) write_profiles(calibration.profiles, options.out);
  fmt::print("{}", options.json ? calibration_json(calibration) : calibration_report(calibration));
  return better ? kDone : kCouldNot;
}

void add_fit_options(CLI::App* command, CalibrateOptions& options) {
  command
      ->add_option("--fit", options.fit.fit,
                   "Constants to fit: software.host.launch_us, or of one profile: "
                   "software.NAME:host.launch_us; without it "
                   "those of the software profiles that the rows determine")
      ->delimiter(',')
      ->type_name("KEY");
  command->add_option("--same", options.same, "The first profile's constants follow those of the second")
      ->type_name("PROFILE=PROFILE");
  command->add_option("--quantity", options.quantity, "What to fit: time, memory or both")
      ->check(one_of({"time", "memory", "both"}))
      ->capture_default_str();
  command
      ->add_option(
          "--prior", options.fit.prior,
          "Expected change of a constant, as a logarithm; small values hold constants at their start")
      ->check(number_above_zero())
      ->capture_default_str();
  command->add_option("--row-error", options.fit.row_error, "Expected relative error of a fitted row")
      ->check(number_above_zero())
      ->capture_default_str();
  command->add_flag(
      "--robust,!--no-robust", options.fit.robust,
      "Leave out rows that are off like a mistake, and let others that are far off pull less; the "
      "default");
  command->add_flag("!--no-leave-one-out", options.fit.leave_one_out, "Do not fit again without each row");
}

}  // namespace

void add_calibrate(CLI::App& app, Command& chosen) {
  const auto options = std::make_shared<CalibrateOptions>();
  CLI::App* command = app.add_subcommand("calibrate", "Fit constants of profiles to measured training steps");
  command->add_option("SCENARIO", options->scenarios, "Scenario files (.toml)")
      ->required()
      ->type_name("FILE");
  command->add_option("--measured", options->measured, "Measured rows to use instead of the scenarios' own")
      ->type_name("ROWS");
  add_fit_options(command, *options);
  command
      ->add_option("--out", options->out,
                   "File for the changed profile, or folder for several; without it nothing is written")
      ->type_name("PROFILE");
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options, &chosen] { chosen = [options] { return run_calibrate(*options); }; });
}

}  // namespace paraplan
