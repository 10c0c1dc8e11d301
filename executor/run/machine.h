#pragma once

#include <string>

namespace paraplan {

// The machine that this process runs on.
struct Machine {
  std::string name;       // processor and its cores: "AMD EPYC 7742, 64 cores"
  std::string libraries;  // of the CPU backend, with versions: "OpenBLAS 0.3.21"
};

Machine this_machine();

// Both, as a run file names its machine.
std::string to_string(const Machine& machine);

// The processor named in the text of /proc/cpuinfo; "unknown processor" when it names none.
std::string processor_in(const std::string& cpuinfo);

// The time now in UTC, ISO 8601: "2024-05-17T08:30:00Z".
std::string utc_now();

}  // namespace paraplan
