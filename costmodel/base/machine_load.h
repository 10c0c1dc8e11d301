#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace paraplan {

// What else a machine did while ranks were measured on it.
struct MachineLoad {
  int64_t ranks = 1;        // measured, on the same cores
  int64_t cores = 1;        // that they may use
  double others_cores = 0;  // processor seconds of other processes on these cores, per second
  double steal_share = 0;   // of these cores' time, that a hypervisor gave to other machines
  std::optional<int64_t> device_users = {};  // other processes on the accelerator; none: not known
  bool operator==(const MachineLoad&) const = default;
};

// Whether it makes times longer than they are on the machine alone: other processes used more than 5 % of the
// cores that the ranks need or the accelerator, or more than 2 % of the cores' time was stolen.
bool is_busy(const MachineLoad& load);

// The one that disturbs more; a known one where the other is not known.
std::optional<MachineLoad> worse(const std::optional<MachineLoad>& a, const std::optional<MachineLoad>& b);

// For reports: "other processes used 0.83 of 2 cores", what was stolen, other users of the device, and what a
// busy machine means; "not known".
std::string load_text(const std::optional<MachineLoad>& load);

// For a busy machine: "other processes used 0.83 of 2 cores while the steps were measured; ...". `what`: "the
// steps were measured". Empty for any other.
std::string load_warning(const std::optional<MachineLoad>& load, const std::string& what);

}  // namespace paraplan
