#pragma once

#include <string>

#include "planner/calibrate/calibration.h"

namespace paraplan {

// The fitted constants, the others and why, the errors before and after by scenario and by software profile,
// outliers, and why no profile is to be written, if so.
std::string calibration_report(const Calibration& calibration);

// The same and every row, as `calibrate --json` prints it.
std::string calibration_json(const Calibration& calibration);

}  // namespace paraplan
