#pragma once

#include <string>
#include <vector>

#include "planner/export/launch.h"

namespace paraplan {

// Frameworks for which a launch can be written.
enum class Target { megatron, megatron_bridge, torchtitan, deepspeed, accelerate, automodel, ms_swift };
inline constexpr int kTargets = 7;

// How the processes of a job are started.
enum class LauncherKind { torchrun, srun, sbatch, kubernetes };

const char* to_string(Target);
const char* to_string(LauncherKind);
std::vector<std::string> target_names();
std::vector<std::string> launcher_names();
Target target_named(const std::string& name);          // one of target_names()
LauncherKind launcher_named(const std::string& name);  // one of launcher_names()

// One of the files of an export.
struct ExportFile {
  std::string name;  // within the folder of the export
  std::string text;
};

struct Export {
  std::vector<ExportFile> files;   // the one that starts the job last
  std::vector<std::string> notes;  // what the user has to add or know, each a sentence
};

// The files with which `target` trains as `launch` says. `remarks` are lines for the head of the file that
// starts the job. Throws InputError that names the setting which the framework cannot express.
Export export_launch(const Launch& launch, Target target, LauncherKind launcher,
                     const std::vector<std::string>& remarks);

}  // namespace paraplan
