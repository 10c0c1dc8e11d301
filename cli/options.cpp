#include "cli/options.h"

#include <algorithm>

#include "cli/checks.h"
#include "costmodel/io/files/files.h"

namespace paraplan {

void add_scenario(CLI::App* command, std::string& path) {
  command->add_option("SCENARIO", path, "Scenario file (.toml)")->required()->type_name("FILE");
}

void add_objective(CLI::App* command, std::string& objective, const std::string& remark) {
  command->add_option("--objective", objective, "What to minimise: time, memory or cost" + remark)
      ->check(one_of({"time", "memory", "cost"}))
      ->capture_default_str();
}

void add_force(CLI::App* command, bool& force) {
  command->add_flag("--force", force, "Replace an output that holds something of another kind");
}

std::vector<std::string> once(const std::vector<std::string>& paths, Warnings& warnings) {
  std::vector<std::string> first;
  for (const std::string& path : paths) {
    if (std::ranges::none_of(first, [&](const std::string& other) { return same_file(path, other); }))
      first.push_back(path);
    else
      warnings.print(path + ": named twice; its rows count once");
  }
  return first;
}

Objective parse_objective(const std::string& name) {
  if (name == to_string(Objective::memory)) return Objective::memory;
  return name == to_string(Objective::cost) ? Objective::cost : Objective::time;
}

}  // namespace paraplan
