#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/export/launch.h"
#include "planner/export/targets.h"

namespace paraplan {

// Something that a launch may ask for, and which targets can say it.
struct Feature {
  const char* key;   // the setting, as files name it
  const char* name;  // what of it
  bool (*is_used)(const Launch&);
  // By target: why it cannot be expressed; null: it can.
  const char* missing[kTargets];
};
const std::vector<Feature>& export_features();

// A setting that a target cannot express.
struct Inexpressible {
  std::string key, value, reason;
};
std::optional<Inexpressible> inexpressible(const Launch& launch, Target target);

}  // namespace paraplan
