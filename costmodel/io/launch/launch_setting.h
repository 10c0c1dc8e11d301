#pragma once

#include <string>

namespace paraplan {

// One setting of somebody's launch: a flag of a command line, or a key of a file with the tables around it
// ("zero_optimization.stage", "module_fqns_per_model_part.0.1").
struct LaunchSetting {
  std::string name, value;
  std::string file;
  int line = 0;
  bool operator==(const LaunchSetting&) const = default;
};

}  // namespace paraplan
