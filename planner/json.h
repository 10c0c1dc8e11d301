#pragma once

#include <nlohmann/json.hpp>

#include "costmodel/prediction.h"
#include "costmodel/scenario.h"

namespace paraplan {

// Keeps the order in which keys are added.
using Json = nlohmann::ordered_json;

// Every setting of a layout, by its name in files.
Json layout_object(const Layout& layout);

// A prediction as `predict --json` and `plan --json` hold it. `cluster` is the part that the layout runs on.
Json prediction_object(const Scenario& scenario, const Cluster& cluster, const Prediction& prediction);

}  // namespace paraplan
