#pragma once

#include <string>
#include <vector>

#include "planner/validation.h"

namespace paraplan {

// The rows, errors and rankings of one scenario.
std::string validation_report(const Validation& validation);

// What several scenarios give together: errors per quantity, mean tau, constants fitted.
std::string validation_summary(const Validation& all);

// As `validate --json` prints it.
std::string validation_json(const Validation& all);

}  // namespace paraplan
