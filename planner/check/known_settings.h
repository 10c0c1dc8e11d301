#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace paraplan {

// Whether a setting of `framework` has no part in layout, time or memory of a step: data, schedules of
// learning rates, checkpoints, logs.
bool is_irrelevant(std::string_view framework, std::string_view name);

// Whether a setting of `framework` changes time or memory in a way that no formula here knows.
bool is_unpriced(std::string_view framework, std::string_view name);

// Names that the readers know and launches may misspell.
const std::vector<std::string>& known_launch_settings();

}  // namespace paraplan
