#pragma once

#include <span>
#include <string>
#include <vector>

#include "planner/validate/validation.h"

namespace paraplan {

// Each scenario has a part. What they give together comes last.

// The rows, errors and rankings of each scenario.
std::string validation_report(std::span<const Validation> parts);

// One line per scenario: errors, ranking (mean Kendall's tau over groups of all rows), and the number of
// fitted constants of the profiles it uses.
std::string validation_overview(std::span<const Validation> parts);

// As `validate --json` prints it.
std::string validation_json(std::span<const Validation> parts);

}  // namespace paraplan
