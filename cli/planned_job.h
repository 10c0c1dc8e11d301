#pragma once

#include <string>
#include <vector>

#include "costmodel/model/scenario.h"
#include "costmodel/prediction.h"

namespace paraplan {

// A layout chosen for a scenario, with what is predicted for it today.
struct PlannedJob {
  Scenario scenario;  // its cluster is the part that the layout runs on
  Prediction prediction;
  std::vector<std::string> files;  // that were read
};

// Reads a plan, or a scenario with the layout of the command line (`layout_text`, empty for a plan). Prints
// the scenario's warnings. Throws InputError; also for a plan whose scenario or profiles have changed since.
PlannedJob load_planned_job(const std::string& file, const std::string& layout_text);

// The prediction of a layout that the option or file `origin` names. Throws InputError for one that cannot
// run.
Prediction predict_or_fail(const Scenario& scenario, const Layout& layout, const std::string& origin,
                           const std::string& key);

}  // namespace paraplan
