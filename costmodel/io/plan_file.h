#pragma once

#include <filesystem>
#include <string>

#include "costmodel/prediction.h"
#include "costmodel/scenario.h"

namespace paraplan {

// A layout chosen for a scenario, and what is predicted for it.
struct PlanFile {
  std::string scenario;       // name
  std::string scenario_file;  // path
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

// The plan in TOML. Same plan, same bytes; every number reads back exactly.
std::string plan_text(const PlanFile& plan);

// Reads what plan_text has written. A scenario file that does not exist as it is named is looked for relative
// to the plan's folder; `scenario_file` is the path found. Throws InputError.
PlanFile load_plan(const std::filesystem::path& file);

}  // namespace paraplan
