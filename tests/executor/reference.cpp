#include "reference.h"

namespace paraplan {

Tolerance tolerance_of(Precision precision) {
  return precision == Precision::fp64 ? Tolerance{1e-10, true} : Tolerance{1e-5, false};
}

const Trained& References::of(const LayoutCase& c, Precision precision) {
  LayoutCase alone = c;
  alone.layout = Layout{};
  const std::string key = name_of(alone) + '_' + to_string(precision);
  const auto found = trained_.find(key);
  if (found != trained_.end()) return found->second;
  const Scenario scenario = scenario_of(alone, precision);
  return trained_.emplace(key, train_on_threads(job_of(scenario, alone.layout))).first->second;
}

}  // namespace paraplan
