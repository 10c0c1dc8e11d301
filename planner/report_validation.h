#pragma once

#include <span>
#include <string>
#include <vector>

#include "planner/validation.h"

namespace paraplan {

// The rows, errors and rankings of one scenario.
std::string validation_report(const Validation& validation);

// One line per table: errors, ranking (mean Kendall's tau over groups of all rows), and the number of fitted
// constants of the profiles it uses.
std::string validation_overview(std::span<const Validation> tables);

// What several scenarios give together: errors per quantity, mean tau, constants fitted.
std::string validation_summary(const Validation& all);

// As `validate --json` prints it.
std::string validation_json(const Validation& all);

}  // namespace paraplan
