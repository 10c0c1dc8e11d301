#pragma once

#include <filesystem>
#include <vector>

#include "costmodel/io/files/data_folders.h"
#include "costmodel/model/scenario.h"

namespace paraplan {

// A training job in TOML: model, hardware, host (left out: the reference host of software profiles), network
// (may be left out for one node) and software by name,
// [cluster], [training] and [search]. What it names is looked for from its own folder upwards, then in the
// folders `data`; search_path.h says where in each. The name is the file's. Throws InputError.
Scenario load_scenario(const std::filesystem::path& file,
                       const std::vector<std::filesystem::path>& data = data_folders());

// The same for a machine whose measured profile will be the file `profile`: where that is the hardware and
// not there yet, its memory is 0, all other constants are 1, and the node has as many devices as are needed.
Scenario load_scenario_to_measure(const std::filesystem::path& file, const std::filesystem::path& profile);

}  // namespace paraplan
