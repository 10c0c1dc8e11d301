#include "cli/profile_device.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/warnings.h"
#include "costmodel/base/input_error.h"
#include "costmodel/cost_model.h"
#include "costmodel/io/profiles/profiles.h"
#include "costmodel/io/scenario_file.h"
#include "executor/bench/device/device_profile.h"
#include "executor/run/interrupt.h"
#include "executor/run/machine.h"
#include "executor/run/step_clock.h"
#include "executor/worlds/worlds.h"
#include "kernels/backends.h"
#include "planner/search/search_space.h"

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
    if (!options.for_scenario.empty()) {
      scenario_ = load_scenario_to_measure(options.for_scenario, options.out);
      Warnings().print(*scenario_);
    }
    accelerator_ = accelerator_of(options.device);
    info_ = accelerator_->info();
    if (scenario_ && scenario_->hardware.device.memory_bytes == 0)  // still to be measured
      scenario_->hardware.device.memory_bytes.value = info_.memory_bytes;
    target_ = profile_target(options, scenario_, info_.name);
  }

  int run() {
    DeviceProfileJob job;
    job.shapes = scenario_ ? device_jobs(*scenario_) : general_device_jobs(executor_software());
    job.previous = target_.previous ? &*target_.previous : nullptr;
    job.described = description();
    job.date = utc_now();
    job.go_on = [this] { return !watch_.interrupted() && now_s() - start_s_ < options_.budget_s; };
    job.save = [this](const HardwareProfile& profile) { save(profile); };
    ProgressBar bar(fmt::format("measuring {}", info_.name));
    job.progress = [&](int64_t done, int64_t total) { bar.show(done, total); };
    const DeviceProfileReport report = profile_device(*accelerator_, job);
    bar.clear();
    target_.outputs.deliver({profile_files(report.profile, options_.out)}, text_of(report));
    print_warning(load_warning(report.load, "the device was measured"));
    tell_left(report.choice);
    return kDone;
  }

 private:
  // The scenario's hardware, if it is of this kind.
  const HardwareProfile* description() const {
    if (target_.previous) return nullptr;
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

  std::string text_of(const DeviceProfileReport& report) const {
    const ChoiceReport& c = report.choice;
    return fmt::format(
        "{}: {} ops of {}, {} of them new\n"
        "interpolation checked: {} midpoints, {} refined, worst error of the others {:.1f} %\n"
        "shapes needed: {}; measured {}, interpolated {}, not checked {}, left out {}\n"
        "machine load: {}\n",
        options_.out, report.profile.device.op_samples.size(), info_.name, report.new_samples, c.midpoints,
        c.refined, 100 * c.worst_error, c.needed, c.measured, c.interpolated, c.unchecked, c.left_out.size(),
        load_text(report.load));
  }

  void tell_left(const ChoiceReport& choice) const {
    print_left_out(choice);
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
  std::optional<Scenario> scenario_;
  ProfileTarget target_;
  double saved_s_ = 0;
};

}  // namespace

ProfileTarget profile_target(const ProfileOptions& options, const std::optional<Scenario>& scenario,
                             const std::string& machine) {
  const std::vector<std::string> inputs = scenario ? scenario->files : std::vector<std::string>();
  ProfileTarget target{Outputs(inputs, {.force = options.force}), std::nullopt};
  if (is_written_as(FileKind::hardware_profile, options.out)) {
    HardwareProfile there = load_hardware(options.out);
    const std::string of = there.measured_on ? there.measured_on->machine : "no machine";
    if (of != machine && !options.force)
      throw InputError(
          "command line", 0, "--out",
          fmt::format("{} is a hardware profile measured on {}, and this is {}; --force replaces it",
                      options.out, of, machine));
    target.outputs.renew(
        there.files);  // also where the scenario names it: it is read to be added to, or given up
    if (of == machine) target.previous = std::move(there);
  }
  target.outputs.add("--out", options.out, {FileKind::hardware_profile});
  return target;
}

int profile_accelerator(const ProfileOptions& options) {
  return DeviceProfiler(options).run();
}

}  // namespace paraplan
