#pragma once

#include <optional>
#include <string>
#include <vector>

#include "costmodel/profile/calibration_record.h"
#include "costmodel/profile/constant.h"

namespace paraplan {

// How fast the processor beside the devices does a framework's work: launches, hooks, loops in Python. The
// software profile says how much work there is, in seconds of a reference host.
struct HostProfile {
  std::string name;  // empty: none is named, so the host is taken for the reference
  std::string description;
  Constant time_scale = {.value = 1};  // seconds here for one on the reference host
  std::optional<CalibrationRecord> calibration = {};
  std::vector<std::string> warnings = {};  // of its file
  std::vector<std::string> files = {};     // it was read from: its own and its bases
};

}  // namespace paraplan
