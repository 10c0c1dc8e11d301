#pragma once

#include <string>
#include <vector>

#include "planner/search/search.h"

namespace paraplan {

// A scenario in which context parallelism and offload, where the user left them open, are searched, too: few
// frameworks have them and few jobs gain by them, so the planner does not try them of itself.
struct WidenedScenario {
  Scenario scenario;
  std::vector<std::string> settings;  // that it widens; empty: there is nothing to widen
};
WidenedScenario widened(const Scenario& scenario);

// The search of the scenario's space; where nothing fits, of the widened one; where nothing fits there
// either, with the smallest change of the limits in [search] with which something would: a single one, a
// single one in the widened space, or all.
PlanResult plan_layouts(const Scenario& scenario, const SearchOptions& options);

}  // namespace paraplan
