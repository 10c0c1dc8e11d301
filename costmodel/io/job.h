#pragma once

#include <cstdint>
#include <string>

#include "costmodel/model/scenario.h"

namespace paraplan {

// What a measured row may set anew in its scenario: the work and the machine's size, not the profiles.
struct Job {
  ModelSpec model;
  Cluster cluster;
  int64_t seq_length = 0;
  int64_t global_batch = 0;
  bool operator==(const Job&) const = default;
};

Job job_of(const Scenario& scenario);

// `scenario` with the job's work and size.
Scenario apply(Scenario scenario, const Job& job);

// A rule that a job breaks on the scenario's profiles.
struct JobFault {
  std::string key;  // as in a measured row: "devices_per_node", "clock_ghz" ...; empty: none
  std::string message;
};

// Checks what single values cannot show: devices per node and clock against the hardware, a network for
// several nodes, the precision's peak, flash attention's efficiency, positions, the batch, products that must
// stay countable. Returns the first rule broken; an empty key when all hold.
JobFault check_job(const Scenario& scenario);

}  // namespace paraplan
