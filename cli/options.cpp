#include "cli/options.h"

#include <fmt/format.h>

#include <filesystem>

#include "cli/checks.h"
#include "costmodel/input_error.h"

namespace paraplan {

void add_scenario(CLI::App* command, std::string& path) {
  command->add_option("SCENARIO", path, "Scenario file (.toml)")->required()->type_name("FILE");
}

void add_objective(CLI::App* command, std::string& objective, const std::string& remark) {
  command->add_option("--objective", objective, "What to minimise: time, memory or cost" + remark)
      ->check(one_of({"time", "memory", "cost"}))
      ->capture_default_str();
}

void check_output(const std::string& file, const char* option, const std::string& input) {
  namespace fs = std::filesystem;
  if (file.empty()) return;
  const fs::path folder = fs::path(file).parent_path();
  if (!folder.empty() && !fs::is_directory(folder))
    throw InputError("command line", 0, option, fmt::format("there is no folder {}", folder.string()));
  if (fs::is_directory(file))
    throw InputError("command line", 0, option, fmt::format("{} is a folder; a file is needed", file));
  std::error_code unknown;
  if (!input.empty() && fs::equivalent(file, input, unknown))
    throw InputError("command line", 0, option, fmt::format("{} is the input; another file is needed", file));
}

Objective parse_objective(const std::string& name) {
  if (name == to_string(Objective::memory)) return Objective::memory;
  return name == to_string(Objective::cost) ? Objective::cost : Objective::time;
}

}  // namespace paraplan
