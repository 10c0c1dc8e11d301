#include <fmt/format.h>

#include <filesystem>
#include <functional>
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
#include "costmodel/io/measured_rows.h"
#include "costmodel/io/profiles/profiles.h"
#include "costmodel/io/scenario_file.h"
#include "costmodel/io/text/text.h"
#include "planner/calibrate/calibration.h"
#include "planner/report/report_calibration.h"
#include "planner/validate/peak_share.h"

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
  bool force = false;
};

// Rows that no device can have achieved would only pull the constants away.
void leave_out_rows_above_peak(CalibrationPart& part, Warnings& warnings) {
  const std::vector<RowAbovePeak> removed = remove_rows_above_peak(part.scenario, part.rows);
  if (removed.empty()) return;
  warnings.print(
      fmt::format("{}: left out, because no device does that: {}", part.table, to_string(removed)));
}

// `inputs` takes what was read.
CalibrationPart load_part(const std::string& path, const std::string& measured, Warnings& warnings,
                          std::vector<std::string>& inputs) {
  CalibrationPart part{load_scenario(path), "", {}};
  warnings.print(part.scenario);
  const std::string rows = measured.empty() ? part.scenario.measured_path : measured;
  if (rows.empty()) {
    throw InputError(path, 0, "measured", "the scenario names no measured rows; give --measured ROWS.tsv");
  }
  part.table = fs::path(rows).filename().string();
  part.rows = load_measured(rows, part.scenario);
  for (const auto& files : {part.scenario.files, measured_files(rows, part.rows)})
    inputs.insert(inputs.end(), files.begin(), files.end());
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

// A profile as it may be written.
struct ProfileFile {
  fs::path place;  // in a folder of profiles
  FileKind kind;
  std::function<FileSet(const fs::path& file)> files;
};

// Refers to `profiles`.
std::vector<ProfileFile> list(const ProfileSet& profiles) {
  std::vector<ProfileFile> all;
  const auto add = [&](const auto& by_name, const fs::path& folder, FileKind kind) {
    for (const auto& [name, content] : by_name) {
      const auto* profile = &content;
      all.push_back({folder / (name + ".toml"), kind,
                     [profile](const fs::path& file) { return profile_files(*profile, file); }});
    }
  };
  add(profiles.hardware, "hardware", FileKind::hardware_profile);
  add(profiles.hosts, "hosts", FileKind::host_profile);
  add(profiles.networks, "networks", FileKind::network_profile);
  add(profiles.software, "software", FileKind::software_profile);
  return all;
}

// --out means a file, also where there is none yet.
bool names_file(const std::string& out) {
  std::error_code ignored;  // what cannot be looked at is no folder
  return out == "-" || file_exists(out) ||
         (fs::path(out).extension() == ".toml" && !fs::is_directory(out, ignored));
}

// Before the fit it is not known which profiles will change. Refuses what is wrong whichever do.
void check_out(const std::string& out, const std::vector<CalibrationPart>& parts, Outputs outputs) {
  const fs::path place =
      fs::path(out).has_filename() ? fs::path(out) : fs::path(out).parent_path();  // "folder/"
  std::error_code ignored;  // what cannot be looked at is no folder
  if (names_file(out) || !fs::is_directory(place, ignored))
    return outputs.add("--out", place.string(),
                       {FileKind::software_profile, FileKind::hardware_profile, FileKind::host_profile,
                        FileKind::network_profile});
  ProfileSet all;
  for (const CalibrationPart& part : parts) all.add(part.scenario);
  for (const ProfileFile& profile : list(all))
    if (file_exists(out / profile.place))
      outputs.add("--out", (out / profile.place).string(), {profile.kind});
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    throw InputError("command line", 0, "--out",
                     fmt::format("the folder {} cannot be made: {}", folder.string(), error.message()));
}

// One changed profile goes to the file `out`, several to folders by kind in `out`.
std::vector<FileSet> changed_files(const ProfileSet& changed, const fs::path& out, Outputs& outputs) {
  const std::vector<ProfileFile> profiles = list(changed);
  if (profiles.size() > 1 && names_file(out.string()))
    throw InputError("command line", 0, "--out",
                     fmt::format("must be a folder, because {} profiles change, is \"{}\"", profiles.size(),
                                 out.string()));
  std::error_code ignored;  // as above
  const bool single = profiles.size() == 1 && out.has_filename() && !fs::is_directory(out, ignored);
  std::vector<FileSet> files;
  for (const ProfileFile& profile : profiles) {
    const fs::path file = single ? out : out / profile.place;
    if (!single) make_folder(file.parent_path());
    outputs.add("--out", file.string(), {profile.kind});
    files.push_back(profile.files(file));
  }
  return files;
}

// As changed_files; the report of a long fit is not lost with its files.
std::vector<FileSet> files_or_report(const ProfileSet& changed, const fs::path& out, Outputs& outputs,
                                     const std::string& report) {
  try {
    return changed_files(changed, out, outputs);
  } catch (const InputError&) {
    outputs.print_report(report);
    throw;
  }
}

int run_calibrate(const CalibrateOptions& options) {
  Warnings warnings;
  std::vector<CalibrationPart> parts;
  std::vector<std::string> inputs;
  for (const std::string& path : once(options.scenarios, warnings))
    parts.push_back(load_part(path, options.measured, warnings, inputs));
  Outputs outputs(inputs, {options.force, options.json});
  if (!options.out.empty()) check_out(options.out, parts, outputs);
  ProgressBar bar("leaving rows out");
  CalibrationOptions fit = fit_options(options);
  fit.progress = [&bar](int64_t done, int64_t total) { bar.show(done, total); };
  const Calibration calibration = calibrate(parts, fit);
  bar.clear();

  const std::string report = options.json ? calibration_json(calibration) : calibration_report(calibration);
  if (!calibration.failure.empty() || options.out.empty()) {
    outputs.deliver({}, report);
    return calibration.failure.empty() ? kDone : kCouldNot;
  }
  outputs.deliver(files_or_report(calibration.profiles, options.out, outputs, report), report);
  return kDone;
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
      ->check(file_name())
      ->type_name("PROFILE");
  add_force(command, options->force);
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options, &chosen] { chosen = [options] { return run_calibrate(*options); }; });
}

}  // namespace paraplan
