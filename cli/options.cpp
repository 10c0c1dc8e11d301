#include "cli/options.h"

#include "cli/checks.h"

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

Objective parse_objective(const std::string& name) {
  if (name == to_string(Objective::memory)) return Objective::memory;
  return name == to_string(Objective::cost) ? Objective::cost : Objective::time;
}

}  // namespace paraplan
