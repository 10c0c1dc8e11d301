#include "cli/profile_device.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <stdexcept>
#include <vector>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "costmodel/cost_model.h"
#include "costmodel/input_error.h"
#include "costmodel/io/profiles.h"
#include "costmodel/io/scenario_file.h"
#include "costmodel/io/text.h"
#include "executor/bench/device_profile.h"
#include "executor/interrupt.h"
#include "executor/machine.h"
#include "executor/step_clock.h"
#include "executor/worlds.h"
#include "kernels/backends.h"
#include "planner/search_space.h"

namespace paraplan {
namespace {

void check_ranks(const ProfileOptions& options) {
  if (options.ranks.value_or(1) == 1 && !started_by_mpi()) return;
  throw InputError("command line", 0, "--ranks",
                   fmt::format("device {} is measured by one process, alone, as GPUs share no caches: leave "
                               "--ranks out, and start it without mpirun",
                               options.device));
}

std::unique_ptr<Accelerator> accelerator_of(const std::string& device) {
  try {
    return make_accelerator(device);
  } catch (const std::invalid_argument&) {
    throw InputError("command line", 0, "--device",
                     fmt::format("there is no device \"{}\"; known: cpu, cuda", device));
  }
}

// One layout per set of shapes. Of shapes whose every layout lacks memory no time is ever asked; where
// nothing fits, all count.
std::vector<ShapeJob> device_jobs(const Scenario& scenario) {
  CostModel model(scenario);
  std::vector<ShapeJob> fitting, all;
  const auto add = [&](const Layout& layout, std::vector<ShapeJob>& jobs) {
    const BlockShape shape = block_shape(scenario, layout);
    const auto same = [&](const ShapeJob& job) { return block_shape(scenario, job.layout) == shape; };
    if (std::ranges::none_of(jobs, same)) jobs.push_back({scenario, layout});
  };
  for (const Layout& layout : enumerate_layouts(scenario)) {
    if (check_layout(scenario, layout)) continue;
    add(layout, all);
    const PredictionResult bound = model.bound(layout);
    const auto* prediction = std::get_if<Prediction>(&bound);
    if (prediction != nullptr && prediction->fit != Fit::exceeds) add(layout, fitting);
  }
  return fitting.empty() ? all : fitting;
}

class DeviceProfiler {
 public:
  explicit DeviceProfiler(const ProfileOptions& options) : options_(options), start_s_(now_s()) {
    check_ranks(options);
    check_output(options.out, "--out", options.for_scenario);
    if (!options.for_scenario.empty())
      scenario_ = load_scenario_to_measure(options.for_scenario, options.out);
    accelerator_ = accelerator_of(options.device);
    info_ = accelerator_->info();
    if (scenario_ && scenario_->hardware.device.memory_bytes == 0)  // still to be measured
      scenario_->hardware.device.memory_bytes.value = info_.memory_bytes;
    previous_ = previous_profile(options.out, info_.name);
    if (!previous_) announce_replacement(options.out);
  }

  int run() {
    DeviceProfileJob job;
    job.shapes = scenario_ ? device_jobs(*scenario_) : general_device_jobs(executor_software());
    job.previous = previous_ ? &*previous_ : nullptr;
    job.described = description();
    job.date = utc_now();
    job.go_on = [this] { return !watch_.interrupted() && now_s() - start_s_ < options_.budget_s; };
    job.save = [this](const HardwareProfile& profile) { save(profile); };
    ProgressBar bar(fmt::format("measuring {}", info_.name));
    job.progress = [&](int64_t done, int64_t total) { bar.show(done, total); };
    const DeviceProfileReport report = profile_device(*accelerator_, job);
    bar.clear();
    write_hardware(report.profile, options_.out);
    print(report);
    return kDone;
  }

 private:
  // The scenario's hardware, if it is of this kind.
  const HardwareProfile* description() const {
    if (previous_) return nullptr;
    if (scenario_ && describes(scenario_->hardware, info_)) return &scenario_->hardware;
    if (scenario_)
      fmt::print(stderr,
                 "paraplan: hardware \"{}\" does not describe {}; what is not measured is assumed, see {}\n",
                 scenario_->hardware.name, info_.name, options_.out);
    return nullptr;
  }

  // Every few seconds: an end without notice costs no more.
  void save(const HardwareProfile& profile) {
    constexpr double kInterval = 3;
    if (saved_s_ > 0 && now_s() - saved_s_ < kInterval) return;
    write_hardware(profile, options_.out);
    saved_s_ = now_s();
  }

  void print(const DeviceProfileReport& report) const {
    const ChoiceReport& c = report.choice;
    fmt::print("{}: {} ops of {}, {} of them new\n", options_.out, report.profile.device.op_samples.size(),
               info_.name, report.new_samples);
    fmt::print("interpolation checked: {} midpoints, {} refined, worst error of the others {:.1f} %\n",
               c.midpoints, c.refined, 100 * c.worst_error);
    fmt::print("shapes needed: {}; measured {}, interpolated {}, not checked {}, left out {}\n", c.needed,
               c.measured, c.interpolated, c.unchecked, c.left_out.size());
    print_left_out(c);
    if (watch_.interrupted())
      fmt::print(stderr, "paraplan: interrupted; {} holds what was measured, another run goes on\n",
                 options_.out);
  }

  static void print_left_out(const ChoiceReport& choice) {
    constexpr size_t kShown = 5;
    std::map<std::string, std::vector<std::string>> by_reason;
    for (const LeftOut& left : choice.left_out) by_reason[left.reason].push_back(left.op);
    for (const auto& [reason, ops] : by_reason) {
      std::string text;
      for (size_t i = 0; i < ops.size() && i < kShown; ++i) text += (i > 0 ? ", " : "") + ops[i];
      if (ops.size() > kShown) text += fmt::format(" and {} more", ops.size() - kShown);
      fmt::print(stderr, "paraplan: left out: {}: {}\n", reason, text);
    }
  }

  ProfileOptions options_;
  InterruptWatch watch_;
  double start_s_;
  std::unique_ptr<Accelerator> accelerator_;
  AcceleratorInfo info_;
  std::optional<HardwareProfile> previous_;
  std::optional<Scenario> scenario_;
  double saved_s_ = 0;
};

}  // namespace

std::optional<HardwareProfile> previous_profile(const std::string& path, const std::string& machine) {
  if (!file_exists(path)) return std::nullopt;
  HardwareProfile previous = load_hardware(path);
  if (previous.measured_on && previous.measured_on->machine == machine) return previous;
  return std::nullopt;
}

void announce_replacement(const std::string& path) {
  if (file_exists(path))
    fmt::print(stderr, "paraplan: {} is not measured on this machine; it is replaced\n", path);
}

int profile_accelerator(const ProfileOptions& options) {
  return DeviceProfiler(options).run();
}

}  // namespace paraplan
