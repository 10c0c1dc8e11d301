#pragma once

#include <optional>
#include <string>

#include "costmodel/model/layout.h"
#include "costmodel/model/scenario.h"

namespace paraplan {

// Why a layout cannot run at all. A value, because a search meets thousands.
struct Infeasible {
  std::string rule;    // short, the same for all layouts that break it; counted by the planner
  std::string detail;  // with the numbers
};

// The rule of divisibility or support that `layout` breaks in `scenario`, if any. Memory is not looked at.
std::optional<Infeasible> check_layout(const Scenario& scenario, const Layout& layout);

}  // namespace paraplan
