#pragma once

#include <string>
#include <vector>

#include "planner/export/launch.h"
#include "planner/export/targets.h"

namespace paraplan {

// What starts the processes of a node.
enum class Starter {
  torchrun,     // one process per device
  accelerate,   // `accelerate launch`, the same
  environment,  // a program that starts torchrun itself, told by NNODES, NPROC_PER_NODE ...
};

// The command that one job runs on every node.
struct JobCommand {
  Starter starter = Starter::torchrun;
  std::vector<Setting> environment = {};
  std::string program;                      // with its fixed arguments
  std::vector<std::string> arguments = {};  // one line each
  std::vector<std::string> remarks = {};    // lines for the head of the file
};

// The file that starts the job: a shell script, a batch script of Slurm, or a JobSet of Kubernetes.
ExportFile job_file(const Launch& launch, const JobCommand& job, LauncherKind launcher);

}  // namespace paraplan
