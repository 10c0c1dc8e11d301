#pragma once

#include <optional>
#include <string>

#include "costmodel/hardware_profile.h"
#include "costmodel/software_profile.h"

namespace paraplan {

struct ProfileOptions {
  std::string device = "cpu";
  std::optional<int> ranks;
  std::string out;
  std::string for_scenario;
  double budget_s = 60;
};

// The profile that is there already and may be added to; none when it is of another machine.
std::optional<HardwareProfile> previous_profile(const std::string& path, const std::string& machine);

// Tells the user that a file which is no previous profile will be replaced; nothing where there is no file.
void announce_replacement(const std::string& path);

// The executor's own kernels: what is measured where no scenario names its software.
SoftwareProfile executor_software();

// Measures one accelerator. Returns the exit code.
int profile_accelerator(const ProfileOptions& options);

}  // namespace paraplan
