#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "costmodel/base/machine_load.h"
#include "costmodel/model/scenario.h"
#include "costmodel/prediction.h"

namespace paraplan {

// Keeps the order in which keys are added.
using Json = nlohmann::ordered_json;

// Every category with its value.
template <class Category, class T, int N>
Json by_category(const ByCategory<Category, T, N>& values) {
  Json object = Json::object();
  for (int i = 0; i < N; ++i) {
    const auto category = static_cast<Category>(i);
    object[to_string(category)] = values[category];
  }
  return object;
}

// Every setting of a layout, by its name in files.
Json layout_object(const Layout& layout);

// A prediction as `predict --json` and `plan --json` hold it. `cluster` is the part that the layout runs on.
Json prediction_object(const Scenario& scenario, const Cluster& cluster, const Prediction& prediction);

// What a machine did beside; null where it is not known.
Json load_object(const std::optional<MachineLoad>& load);

}  // namespace paraplan
