#include "costmodel/base/machine_load.h"

#include <fmt/format.h>

namespace paraplan {
namespace {

constexpr const char* kMeaning = "times may be longer than on this machine alone";

// Of the processor time that the ranks need.
double others_share(const MachineLoad& load) {
  return load.others_cores / static_cast<double>(load.ranks);
}

bool disturbs_more(const MachineLoad& a, const MachineLoad& b) {
  const int64_t users_of_a = a.device_users.value_or(0), users_of_b = b.device_users.value_or(0);
  if (users_of_a != users_of_b) return users_of_a > users_of_b;
  return others_share(a) + a.steal_share > others_share(b) + b.steal_share;
}

std::string what_was_used(const MachineLoad& load) {
  constexpr double kShown = 0.0005;  // 0.1 % when rounded
  std::string text = fmt::format("other processes used {:.2f} of {} core{}", load.others_cores, load.cores,
                                 load.cores == 1 ? "" : "s");
  if (load.steal_share >= kShown)
    text +=
        fmt::format(", {:.1f} % of the cores' time went to other virtual machines", 100 * load.steal_share);
  if (const int64_t users = load.device_users.value_or(0); users > 0)
    text += fmt::format(", {} other process{} on the device", users, users == 1 ? " was" : "es were");
  return text;
}

}  // namespace

bool is_busy(const MachineLoad& load) {
  constexpr double kOthers = 0.05, kSteal = 0.02;
  return others_share(load) > kOthers || load.steal_share > kSteal || load.device_users.value_or(0) > 0;
}

std::optional<MachineLoad> worse(const std::optional<MachineLoad>& a, const std::optional<MachineLoad>& b) {
  if (!a || !b) return a ? a : b;
  return disturbs_more(*b, *a) ? b : a;
}

std::string load_text(const std::optional<MachineLoad>& load) {
  if (!load) return "not known";
  return what_was_used(*load) + (is_busy(*load) ? fmt::format("; {}", kMeaning) : "");
}

std::string load_warning(const std::optional<MachineLoad>& load, const std::string& what) {
  if (!load || !is_busy(*load)) return "";
  return fmt::format("{} while {}; {}", what_was_used(*load), what, kMeaning);
}

}  // namespace paraplan
