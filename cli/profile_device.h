#pragma once

#include <optional>
#include <string>

#include "cli/outputs.h"
#include "costmodel/model/scenario.h"
#include "costmodel/profile/hardware_profile.h"
#include "costmodel/profile/software_profile.h"

namespace paraplan {

struct ProfileOptions {
  std::string device = "cpu";
  std::optional<int> ranks;
  std::string out;
  std::string for_scenario;
  double budget_s = 60;
  bool force = false;
};

// Where the measured profile goes.
struct ProfileTarget {
  Outputs outputs;
  std::optional<HardwareProfile> previous;  // is there already, of this machine, and is added to
};

// Throws InputError when --out cannot be written, or holds anything else that --force does not give up.
// `scenario`: the one to measure for, if any.
ProfileTarget profile_target(const ProfileOptions& options, const std::optional<Scenario>& scenario,
                             const std::string& machine);

// The executor's own kernels: what is measured where no scenario names its software.
SoftwareProfile executor_software();

// Measures one accelerator. Returns the exit code.
int profile_accelerator(const ProfileOptions& options);

}  // namespace paraplan
