#pragma once

#include <filesystem>

#include "costmodel/scenario.h"

namespace paraplan {

// A training job in TOML: model, hardware, network (may be left out for one node) and software by name,
// [cluster], [training] and [search]. Profiles are looked for in the nearest folder `profiles` beside the
// scenario or above it, models in `models` beside it; a name ending in ".toml" is a path relative to the
// scenario. The name is the file's. Throws InputError.
Scenario load_scenario(const std::filesystem::path& file);

// The file of model `name` for a scenario at `scenario_file`: models/NAME.toml beside it.
std::filesystem::path model_path(const std::filesystem::path& scenario_file, const std::string& name);

// The file of profile `name` for a scenario at `scenario_file`, in the folder `kind` ("hardware", "networks"
// or "software") of its profiles; empty when there is no folder of profiles.
std::filesystem::path profile_path(const std::filesystem::path& scenario_file, const std::string& kind,
                                   const std::string& name);

// Text for a file named `name` that does not exist: the path looked in, the nearest names, all names there
// are.
std::string no_such_file(const std::filesystem::path& path);

}  // namespace paraplan
