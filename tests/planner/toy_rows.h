#pragma once

#include <vector>

#include "costmodel/io/measured_rows.h"
#include "tests/planner/toy_scenario.h"

namespace paraplan {

// The toy scenario with round constants, so that a test does not change when shipped profiles are calibrated
// anew.
Scenario true_scenario();

// What `truth` predicts for eight layouts, as if it had been measured.
std::vector<MeasuredRow> measure(const Scenario& truth);

void scale(Constant& constant, double factor);
void scale(double& value, double factor);

}  // namespace paraplan
