#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "planner/check/launch_request.h"

namespace paraplan {

// Reads somebody's launch: a shell or batch script, a file with nothing but a command line, a JobSet of
// Kubernetes, DeepSpeed's JSON, or YAML of Accelerate, NeMo AutoModel or Megatron. Files that a script names
// are looked for beside it. `ignore`: names of settings to pass over. Throws InputError: for what is no such
// file, and for a setting that is unknown and may matter.
LaunchRequest read_launch(const std::filesystem::path& file, const std::vector<std::string>& ignore);

}  // namespace paraplan
