#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "costmodel/base/machine_load.h"
#include "executor/worlds/communicator.h"

namespace paraplan {

// Processor time, in seconds since counting began.
struct ProcessorTime {
  int64_t cores = 0;     // that the process may use
  double busy_s = 0;     // of these cores, with whatever ran on them
  double idle_s = 0;     // of these cores
  double steal_s = 0;    // of these cores, given to other virtual machines by the hypervisor
  double own_s = 0;      // of the process, all its threads
  double elapsed_s = 0;  // by the clock
};

// One rank's process while it was watched.
struct ProcessorUse {
  std::string place;    // the machine, and the cores of it that the process may use
  int64_t process = 0;  // its number there; ranks that are threads have the same
  ProcessorTime time;   // spent meanwhile
};

// The cores' part of a reading: from the text of Linux's /proc/stat, which counts ticks, the cores that are
// on and in the list of /proc/self/status ("0-3,8"). Nothing where there is no such core.
std::optional<ProcessorTime> core_times(const std::string& stat, const std::string& allowed_cores,
                                        double ticks_per_s);
// That list in the text of /proc/self/status; empty when it has none.
std::string allowed_cores_in(const std::string& status);

// What other processes did beside the ranks, where that disturbed most. Nothing where a rank was watched for
// too short a time for ticks to tell, or the cores' counters stand still.
std::optional<MachineLoad> machine_load(const std::vector<ProcessorUse>& ranks);

// A use as text, for the way between processes, and back.
std::string to_text(const ProcessorUse& use);
ProcessorUse use_from_text(const std::string& text);

// Watches this process and its cores from its making on.
class LoadWatch {
 public:
  LoadWatch();
  // Nothing where the system does not tell.
  std::optional<ProcessorUse> so_far() const;

 private:
  std::string allowed_cores_;
  std::optional<ProcessorTime> start_;
};

// What all ranks' watches have seen so far, on rank 0; nothing elsewhere and where a rank's system does not
// tell. Collective.
std::optional<MachineLoad> collect_load(World& world, const LoadWatch& mine);

}  // namespace paraplan
