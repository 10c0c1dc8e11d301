#pragma once

#include <string>
#include <vector>

#include "planner/search.h"

namespace paraplan {

// A scenario in which the settings that the user left open take every value there is, also those that the
// planner does not try of itself because few frameworks have them or few jobs gain by them.
struct WidenedScenario {
  Scenario scenario;
  std::vector<std::string> settings;  // that it widens; empty: there is nothing to widen
};
WidenedScenario widened(const Scenario& scenario);

// The search of the scenario's space; where nothing fits, of the widened one; where nothing fits there
// either, the first single limit of [search] without which something would.
PlanResult plan_layouts(const Scenario& scenario, const SearchOptions& options);

}  // namespace paraplan
