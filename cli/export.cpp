#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>

#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/outputs.h"
#include "cli/planned_job.h"
#include "costmodel/base/input_error.h"
#include "planner/export/targets.h"
#include "planner/report/table.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;

struct ExportOptions {
  std::string input, layout, target;
  std::string launcher = "torchrun";
  std::string out;  // folder or file; empty: standard output
  bool force = false;
};

// Lines for the head of the file that starts the job.
std::vector<std::string> remarks(const PlannedJob& job) {
  const Prediction& p = job.prediction;
  const Scenario& s = job.scenario;
  return {fmt::format("Layout: {}", to_string(p.layout)),
          fmt::format("Predicted on {} x {} {}: {} per step, {} of {} GiB on the fullest device.",
                      s.cluster.nodes, s.cluster.devices_per_node, s.hardware.name,
                      format_time(p.iteration_time_s), format_gib(p.device_memory_bytes),
                      format_gib(p.available_memory_bytes))};
}

std::string all_in_one(const Export& written) {
  if (written.files.size() == 1) return written.files.front().text;
  std::string text;
  for (const ExportFile& file : written.files) text += fmt::format("#### {}\n{}", file.name, file.text);
  return text;
}

// Where the files go: a folder, or for a single file also its own name.
FileSet placed(const Export& written, const fs::path& out) {
  const bool is_file = written.files.size() == 1 && !fs::is_directory(out) && out.has_filename();
  if (is_file) return {{out, written.files.front().text}};
  FileSet files;
  for (const ExportFile& file : written.files) files.push_back({out / file.name, file.text});
  return files;
}

int run_export(const ExportOptions& options) {
  const PlannedJob job = load_planned_job(options.input, options.layout);
  const Export written =
      export_launch(launch_of(job.scenario, job.prediction.layout), target_named(options.target),
                    launcher_named(options.launcher), remarks(job));
  for (const std::string& note : written.notes) fmt::print(stderr, "paraplan: note: {}\n", note);
  Outputs outputs(job.files, {options.force, false});
  if (options.out.empty()) {
    outputs.deliver({}, all_in_one(written));
    return kDone;
  }
  const FileSet files = placed(written, options.out);
  for (const TextFile& file : files) {
    if (file.path.has_parent_path()) make_folder(file.path.parent_path());
    outputs.add("--out", file.path.string(), {FileKind::launch});
  }
  outputs.deliver({files}, "");
  return kDone;
}

}  // namespace

void add_export(CLI::App& app, Command& chosen) {
  const auto options = std::make_shared<ExportOptions>();
  CLI::App* command = app.add_subcommand("export", "Write the launch files of a framework for a plan");
  command->add_option("PLAN", options->input, "Plan file, of plan --out; or a scenario, with --layout")
      ->required()
      ->type_name("PLAN");
  command->add_option("--layout", options->layout, "Layout, where a scenario is given")->type_name("LAYOUT");
  command->add_option("--to", options->target, "Framework")->required()->check(one_of(target_names()));
  command->add_option("--launcher", options->launcher, "What starts the processes")
      ->check(one_of(launcher_names()))
      ->capture_default_str();
  command
      ->add_option("-o,--out", options->out,
                   "Folder for the files, or the file where there is one; without it they are printed")
      ->check(file_name())
      ->type_name("PATH");
  add_force(command, options->force);
  command->callback([options, &chosen] { chosen = [options] { return run_export(*options); }; });
}

}  // namespace paraplan
