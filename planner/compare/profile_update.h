#pragma once

#include <cstddef>
#include <string>

#include "costmodel/model/scenario.h"
#include "costmodel/profile/hardware_profile.h"
#include "costmodel/run_record.h"

namespace paraplan {

struct ProfileUpdate {
  HardwareProfile profile;
  size_t ops = 0;  // samples that the run gave
};

// `profile` with what a run measured of the kernels of its blocks: one sample per shape, seconds per call
// over all its calls on all stages, on as many ranks as the run had. It replaces samples of the same op and
// ranks; the profile's date becomes the run's. Collectives, messages and the optimizer are left as they were.
// `scenario` is the run's. Throws InputError at `profile_path` when the profile was not measured on the run's
// machine, and at `run_path` when the run names an op that the scenario's blocks do not have.
ProfileUpdate updated_profile(const HardwareProfile& profile, const std::string& profile_path,
                              const Scenario& scenario, const RunRecord& run, const std::string& run_path);

}  // namespace paraplan
