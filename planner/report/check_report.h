#pragma once

#include <optional>
#include <string>

#include "planner/check/difference.h"
#include "planner/check/launch_request.h"
#include "planner/search/search.h"

namespace paraplan {

// What `check` has to say of a launch.
struct CheckResult {
  LaunchRequest request;
  Scenario scenario;  // as the launch would run
  Prediction prediction;
  PlanResult better;  // layouts of the same job that are faster, or fit where the launch does not; best first
  std::optional<Difference> difference;  // where a measured time was given
};

std::string check_report(const CheckResult& check);
std::string check_json(const CheckResult& check);

}  // namespace paraplan
