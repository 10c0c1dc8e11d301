#pragma once

#include <vector>

#include "planner/calibrate/calibration.h"
#include "planner/validate/validation.h"

namespace paraplan {

// Gives the rows of `validations`, which are of `parts` in this order, the errors that they have where no
// constant has seen them. All constants that were fitted or tuned with a look at the row's table, of whatever
// profile, are fitted together, from their priors, to the times and memory of all rows of the tables that
// they name: but for the value (row_left_out, to first order), or for the whole table (table_left_out). One
// that no other row
// depends on stays at its prior. All other constants are as they are. A row whose constants name tables that
// are not among the parts gets neither.
void add_unseen_errors(const std::vector<CalibrationPart>& parts, std::vector<Validation>& validations);

}  // namespace paraplan
