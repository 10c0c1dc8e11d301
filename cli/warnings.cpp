#include "cli/warnings.h"

#include <fmt/format.h>

#include "costmodel/io/scenario_file.h"

namespace paraplan {

void Warnings::print(const std::string& text) {
  if (printed_.insert(text).second) fmt::print(stderr, "paraplan: warning: {}\n", text);
}

void Warnings::print(const Scenario& scenario) {
  for (const std::string& text : all_warnings(scenario)) print(text);
}

Scenario load_and_warn(const std::string& scenario_file) {
  Scenario scenario = load_scenario(scenario_file);
  Warnings().print(scenario);
  return scenario;
}

}  // namespace paraplan
