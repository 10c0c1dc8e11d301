#pragma once

#include <vector>

#include "planner/calibrate/calibration.h"

namespace paraplan {

// Sets the fitted constants and their records in the profiles, and keeps of these only those that hold one.
void keep_fitted(ProfileSet& profiles, const std::vector<CalibratedConstant>& constants);

}  // namespace paraplan
