#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "costmodel/io/launch/launch_setting.h"

namespace paraplan {

// Every value of a YAML or JSON file with the keys above it. Values are texts as they are written; an empty
// table or list has none. Throws InputError for a file that cannot be read or breaks the syntax, and in a
// build without yaml-cpp.
std::vector<LaunchSetting> structured_settings(const std::filesystem::path& file);

// Whether this build reads such files.
bool reads_structured_files();

}  // namespace paraplan
