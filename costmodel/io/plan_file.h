#pragma once

#include <filesystem>
#include <string>

#include "costmodel/model/scenario.h"
#include "costmodel/prediction.h"

namespace paraplan {

// A layout chosen for a scenario, and what is predicted for it.
struct PlanFile {
  std::string scenario;       // name
  std::string scenario_file;  // path, from the working folder or absolute
  std::string digest;         // of everything the prediction was made from
  Cluster cluster;            // the part that the layout runs on
  Layout layout;
  double iteration_time_s = 0;
  double samples_per_s = 0;
  double tokens_per_s_per_device = 0;
  double mfu = 0;
  double peak_memory_bytes = 0;  // fullest device, at `memory_level`
  MemoryLevel memory_level = MemoryLevel::allocated;
  double device_memory_bytes = 0;  // fullest device, at device level
  double available_memory_bytes = 0;
  Breakdown breakdown;
  MemoryUse memory;  // of the fullest device

  bool operator==(const PlanFile&) const = default;
};

// The plan in TOML, to be written to `file`. It names its scenario by the way from its own folder, so that it
// is found from any working folder and after both were moved together; where the two share no folder but the
// root, or `file` is "-" or no regular file, by its absolute path. The scenario is not copied into the plan:
// it is the one place to change it, and the digest tells when that has happened. Same plan, same folder, same
// bytes; every number reads back exactly.
std::string plan_text(const PlanFile& plan, const std::filesystem::path& file);

// Reads what plan_text has written; `scenario_file` is absolute. Throws InputError, also when there is no
// such scenario.
PlanFile load_plan(const std::filesystem::path& file);

}  // namespace paraplan
