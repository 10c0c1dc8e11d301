#include "executor/run/machine_load.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>

#include "executor/run/step_clock.h"
#include "executor/worlds/gather.h"

namespace paraplan {
namespace {

// Empty where there is no such file.
std::string text_of(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Whether a list like "0-3,8" names the core.
bool names(const std::string& list, int64_t core) {
  std::istringstream ranges(list);
  for (std::string range; std::getline(ranges, range, ',');) {
    std::istringstream ends(range);
    int64_t first = 0, last = 0;
    char dash = 0;
    if (!(ends >> first)) continue;
    if (!(ends >> dash >> last)) last = first;
    if (first <= core && core <= last) return true;
  }
  return false;
}

// Of this start of the system: tells machines apart that have one name.
std::string machine_number() {
  std::string number;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> number;
  return number;
}

std::optional<ProcessorTime> read_processors(const std::string& allowed_cores) {
  std::optional<ProcessorTime> now =
      core_times(text_of("/proc/stat"), allowed_cores, static_cast<double>(sysconf(_SC_CLK_TCK)));
  if (!now) return std::nullopt;
  now->own_s = static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  now->elapsed_s = now_s();
  return now;
}

// Ranks of one place.
std::optional<MachineLoad> load_of(const std::vector<ProcessorUse>& ranks) {
  constexpr double kShortest = 0.5;  // 50 ticks of most systems
  double own_s = 0;
  std::set<int64_t> counted;
  for (const ProcessorUse& rank : ranks)
    if (counted.insert(rank.process).second) own_s += rank.time.own_s;
  const ProcessorTime& time = ranks.front().time;
  const double all_s = time.busy_s + time.idle_s + time.steal_s;
  if (time.elapsed_s < kShortest || all_s <= 0) return std::nullopt;
  return MachineLoad{.ranks = static_cast<int64_t>(ranks.size()),
                     .cores = time.cores,
                     .others_cores = std::max(0.0, time.busy_s - own_s) / time.elapsed_s,
                     .steal_share = std::max(0.0, time.steal_s) / all_s};
}

}  // namespace

std::string allowed_cores_in(const std::string& status) {
  const std::string key = "Cpus_allowed_list:";
  std::istringstream lines(status);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(key)) continue;
    const size_t value = line.find_first_not_of(" \t", key.size());
    return value == std::string::npos ? "" : line.substr(value);
  }
  return "";
}

// The columns of a core: user, nice, system, idle, waiting for a disk, interrupts, soft interrupts, steal.
// Guests count as user.
std::optional<ProcessorTime> core_times(const std::string& stat, const std::string& allowed_cores,
                                        double ticks_per_s) {
  ProcessorTime sum;
  std::istringstream lines(stat);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream cells(line);
    std::string cpu;
    int64_t core = 0;
    double user = 0, nice = 0, system = 0, idle = 0, disk = 0, interrupts = 0, soft_interrupts = 0, steal = 0;
    cells >> cpu;
    if (!cpu.starts_with("cpu") || !(std::istringstream(cpu.substr(3)) >> core)) continue;
    if (!(cells >> user >> nice >> system >> idle >> disk >> interrupts >> soft_interrupts >> steal))
      continue;
    if (!names(allowed_cores, core)) continue;
    ++sum.cores;
    sum.busy_s += (user + nice + system + interrupts + soft_interrupts) / ticks_per_s;
    sum.idle_s += (idle + disk) / ticks_per_s;
    sum.steal_s += steal / ticks_per_s;
  }
  if (sum.cores == 0) return std::nullopt;
  return sum;
}

std::optional<MachineLoad> machine_load(const std::vector<ProcessorUse>& ranks) {
  std::map<std::string, std::vector<ProcessorUse>> by_place;
  for (const ProcessorUse& rank : ranks) by_place[rank.place].push_back(rank);
  std::optional<MachineLoad> worst;
  for (const auto& [place, there] : by_place) {
    const std::optional<MachineLoad> load = load_of(there);
    if (!load) return std::nullopt;
    worst = worse(worst, load);
  }
  return worst;
}

std::string to_text(const ProcessorUse& use) {
  const ProcessorTime& t = use.time;
  return fmt::format("{} {} {} {} {} {} {} {}", use.process, t.cores, t.busy_s, t.idle_s, t.steal_s, t.own_s,
                     t.elapsed_s, use.place);
}

ProcessorUse use_from_text(const std::string& text) {
  ProcessorUse use;
  ProcessorTime& t = use.time;
  std::istringstream stream(text);
  stream >> use.process >> t.cores >> t.busy_s >> t.idle_s >> t.steal_s >> t.own_s >> t.elapsed_s >> std::ws;
  std::getline(stream, use.place);
  return use;
}

LoadWatch::LoadWatch()
    : allowed_cores_(allowed_cores_in(text_of("/proc/self/status"))),
      start_(read_processors(allowed_cores_)) {}

std::optional<ProcessorUse> LoadWatch::so_far() const {
  const std::optional<ProcessorTime> now = start_ ? read_processors(allowed_cores_) : std::nullopt;
  if (!now || now->cores != start_->cores) return std::nullopt;
  return ProcessorUse{.place = fmt::format("{} {}", machine_number(), allowed_cores_),
                      .process = getpid(),
                      .time = {.cores = now->cores,
                               .busy_s = now->busy_s - start_->busy_s,
                               .idle_s = now->idle_s - start_->idle_s,
                               .steal_s = now->steal_s - start_->steal_s,
                               .own_s = now->own_s - start_->own_s,
                               .elapsed_s = now->elapsed_s - start_->elapsed_s}};
}

std::optional<MachineLoad> collect_load(World& world, const LoadWatch& mine) {
  const std::optional<ProcessorUse> use = mine.so_far();
  std::vector<ProcessorUse> ranks;
  for (const std::string& text : gather_texts(world, use ? to_text(*use) : "")) {
    if (text.empty()) return std::nullopt;
    ranks.push_back(use_from_text(text));
  }
  return machine_load(ranks);
}

}  // namespace paraplan
