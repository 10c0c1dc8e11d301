#pragma once

#include <string>
#include <utility>
#include <vector>

#include "costmodel/model/scenario.h"

namespace paraplan {

// A value that takes the place of one in a scenario: {"nodes", "16"}.
using Override = std::pair<std::string, std::string>;

// Keys that can be overridden, besides the constants of the profiles, which are named by profile and key
// path, with the units of the files: hardware.device.memory_GiB, network.nic_GBps, software.host.launch_us.
std::vector<std::string> override_keys();

// Throws InputError that names `origin` unless there is such a key.
void refuse_unknown_override(const std::string& key, const std::string& origin);

// The scenario with the overrides in place: whole profiles and the model first, then the rest in the order
// given. Throws InputError that names `origin` and the key for an unknown key, an impossible value, or a job
// that cannot be.
Scenario apply_overrides(Scenario scenario, const std::vector<Override>& overrides,
                         const std::string& origin);

// The files that a value makes a scenario read; none for one that names no file. Throws InputError as above.
std::vector<std::string> override_files(Scenario scenario, const Override& change, const std::string& origin);

}  // namespace paraplan
