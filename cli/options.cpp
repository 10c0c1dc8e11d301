#include "cli/options.h"

namespace paraplan {

void add_scenario(CLI::App* command, std::string& path) {
  command->add_option("SCENARIO", path, "Scenario file (.toml)")->required()->type_name("FILE");
}

void add_objective(CLI::App* command, std::string& objective) {
  command->add_option("--objective", objective, "What to minimise: time, memory or cost")
      ->check(CLI::IsMember({"time", "memory", "cost"}))
      ->capture_default_str();
}

Objective parse_objective(const std::string& name) {
  if (name == to_string(Objective::memory)) return Objective::memory;
  return name == to_string(Objective::cost) ? Objective::cost : Objective::time;
}

}  // namespace paraplan
