#include "planner/export/targets.h"

#include <fmt/format.h>

#include <array>

#include "costmodel/base/input_error.h"
#include "costmodel/io/files/file_kind.h"
#include "planner/export/support.h"
#include "planner/export/writers/writers.h"

namespace paraplan {
namespace {

constexpr std::array<const char*, kTargets> kNames = {
    "megatron", "megatron-bridge", "torchtitan", "deepspeed", "accelerate", "automodel", "ms-swift"};
constexpr std::array<const char*, 4> kLaunchers = {"torchrun", "srun", "sbatch", "kubernetes"};

using Writer = TargetFiles (*)(const Launch&);
constexpr std::array<Writer, kTargets> kWriters = {write_megatron,  write_megatron_bridge, write_torchtitan,
                                                   write_deepspeed, write_accelerate,      write_automodel,
                                                   write_ms_swift};

// Place of one of `names`; the last where it is none, which callers have excluded.
template <size_t N>
size_t place_of(const std::array<const char*, N>& names, const std::string& name) {
  size_t place = 0;
  while (place + 1 < N && name != names[place]) ++place;
  return place;
}

}  // namespace

const char* to_string(Target target) {
  return kNames[static_cast<size_t>(target)];
}

const char* to_string(LauncherKind launcher) {
  return kLaunchers[static_cast<size_t>(launcher)];
}

std::vector<std::string> target_names() {
  return {kNames.begin(), kNames.end()};
}

std::vector<std::string> launcher_names() {
  return {kLaunchers.begin(), kLaunchers.end()};
}

Target target_named(const std::string& name) {
  return static_cast<Target>(place_of(kNames, name));
}

LauncherKind launcher_named(const std::string& name) {
  return static_cast<LauncherKind>(place_of(kLaunchers, name));
}

Export export_launch(const Launch& launch, Target target, LauncherKind launcher,
                     const std::vector<std::string>& remarks) {
  if (const auto obstacle = inexpressible(launch, target))
    throw InputError(
        "export", 0, obstacle->key,
        fmt::format("{} cannot express \"{}\": {}", to_string(target), obstacle->value, obstacle->reason));
  TargetFiles written = kWriters[static_cast<size_t>(target)](launch);
  written.job.remarks = {fmt::format("Written by {}.", kLaunchMark)};
  written.job.remarks.insert(written.job.remarks.end(), remarks.begin(), remarks.end());
  written.job.remarks.insert(written.job.remarks.end(), written.notes.begin(), written.notes.end());
  written.files.push_back(job_file(launch, written.job, launcher));
  return {written.files, written.notes};
}

}  // namespace paraplan
