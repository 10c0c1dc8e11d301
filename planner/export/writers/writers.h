#pragma once

#include "planner/export/job_script.h"
#include "planner/export/launch.h"
#include "planner/export/targets.h"

namespace paraplan {

// What a target's writer makes: files beside the one that starts the job, and the command of that.
struct TargetFiles {
  std::vector<ExportFile> files;
  JobCommand job;
  std::vector<std::string> notes;  // what the user has to add or know
};

// One for each target; `launch` is one that it can express (support.h).
TargetFiles write_megatron(const Launch& launch);
TargetFiles write_megatron_bridge(const Launch& launch);
TargetFiles write_torchtitan(const Launch& launch);
TargetFiles write_deepspeed(const Launch& launch);
TargetFiles write_accelerate(const Launch& launch);
TargetFiles write_automodel(const Launch& launch);
TargetFiles write_ms_swift(const Launch& launch);

}  // namespace paraplan
