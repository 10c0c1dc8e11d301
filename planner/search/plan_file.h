#pragma once

#include <filesystem>
#include <string>

#include "planner/search/search.h"

namespace paraplan {

// The plan as `plan --out` writes it to `file`: TOML with the scenario, a digest of everything the prediction
// was made from, the layout and what is predicted for it. Same inputs, same folder, same bytes.
std::string plan_file_text(const Scenario& scenario, const PricedLayout& plan,
                           const std::filesystem::path& file);

}  // namespace paraplan
