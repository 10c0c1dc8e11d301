#pragma once

#include <string>

#include "planner/search.h"

namespace paraplan {

// The plan as `plan --out` writes it: TOML with the scenario, a digest of everything the prediction was made
// from, the layout and what is predicted for it. Same inputs, same bytes.
std::string plan_file_text(const Scenario& scenario, const PricedLayout& plan);

}  // namespace paraplan
