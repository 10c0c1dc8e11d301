#include "executor/bench/device/device_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <set>

#include "costmodel/prices/kernel_cost.h"
#include "costmodel/prices/op_sample_key.h"
#include "executor/run/machine_load.h"

namespace paraplan {
namespace {

class Profiling {
 public:
  Profiling(Accelerator& accelerator, const DeviceProfileJob& job)
      : accelerator_(accelerator), bench_(accelerator), job_(job), users_(accelerator.other_processes()) {}

  DeviceProfileReport run() {
    if (job_.previous != nullptr) {
      report_.profile = *job_.previous;
      for (const OpSample& s : report_.profile.device.op_samples) known_.emplace(key_of(s), s);
    } else {
      report_.profile = device_profile(measure_constants(bench_), job_.described, job_.date);
    }
    device_ = report_.profile.device;
    device_.op_samples.clear();
    report_.profile.measured_on = {accelerator_.info().name, circumstances(accelerator_.info()), "none",
                                   job_.date, load_of_previous()};
    job_.save(report_.profile);
    measure_optimizer();
    const std::vector<NeededOp> ops = needed_ops(job_.shapes);
    report_.choice = measure_chosen(
        ops, {.measure = [&](const NeededOp& op) { return measure_op(op); },
              .predict = [&](const NeededOp& op,
                             const std::vector<OpSample>& samples) { return predict(op, samples); },
              .go_on = job_.go_on,
              .progress = job_.progress});
    report_.load = load();
    report_.profile.measured_on->load = worse(report_.load, load_of_previous());
    return std::move(report_);
  }

 private:
  std::optional<MachineLoad> load_of_previous() const {
    if (job_.previous == nullptr || !job_.previous->measured_on) return std::nullopt;
    return job_.previous->measured_on->load;
  }

  // Users of the device who come and go between are not seen.
  std::optional<MachineLoad> load() const {
    const std::optional<ProcessorUse> use = watch_.so_far();
    std::optional<MachineLoad> load = use ? machine_load({*use}) : std::nullopt;
    if (load) load->device_users = std::max(users_, accelerator_.other_processes());
    return load;
  }

  void measure_optimizer() {
    std::set<Precision> precisions;
    for (const ShapeJob& job : job_.shapes) precisions.insert(job.scenario.precision);
    for (const Precision precision : precisions)
      for (const OpSample& s : measure_device_optimizer(bench_, precision, largest_parameters(job_.shapes),
                                                        report_.profile.device.op_samples, job_.go_on))
        keep(s);
  }

  // What is known is not measured again, and the choice of shapes goes the same way as it went then.
  OpOutcome measure_op(const NeededOp& op) {
    const auto known = known_.find(key_of(op.key));
    if (known != known_.end()) return {known->second, {}};
    OpOutcome outcome = bench_.time(op);
    if (outcome.sample) keep(*outcome.sample);
    return outcome;
  }

  void keep(const OpSample& sample) {
    report_.profile.device.op_samples.push_back(sample);
    ++report_.new_samples;
    job_.save(report_.profile);
  }

  Price predict(const NeededOp& op, const std::vector<OpSample>& samples) const {
    Device device = device_;
    device.op_samples = samples;
    return KernelCost(device, op.key.precision, 0).price(op.op);
  }

  Accelerator& accelerator_;
  DeviceOpBench bench_;
  const DeviceProfileJob& job_;
  std::map<OpSampleKey, OpSample> known_;
  LoadWatch watch_;
  std::optional<int64_t> users_;  // others, at the beginning
  Device device_;                 // without samples
  DeviceProfileReport report_;
};

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// The first part of a device's name with a digit in it: "H200" of "NVIDIA H200", "A100" of "NVIDIA
// A100-SXM4-80GB".
std::string chip(const std::string& name) {
  size_t begin = 0;
  while (begin < name.size()) {
    const size_t end = std::min(name.find_first_of(" -", begin), name.size());
    const std::string part = name.substr(begin, end - begin);
    if (std::ranges::any_of(part, [](unsigned char c) { return std::isdigit(c) != 0; })) return part;
    begin = end + 1;
  }
  return name;
}

}  // namespace

DeviceProfileReport profile_device(Accelerator& accelerator, const DeviceProfileJob& job) {
  return Profiling(accelerator, job).run();
}

bool describes(const HardwareProfile& profile, const AcceleratorInfo& info) {
  constexpr double kMemoryTolerance = 0.05;
  const double memory = profile.device.memory_bytes / info.memory_bytes - 1;
  return lower(profile.description).find(lower(chip(info.name))) != std::string::npos &&
         profile.device.processors == static_cast<double>(info.processors) &&
         std::abs(memory) <= kMemoryTolerance;
}

std::string circumstances(const AcceleratorInfo& info) {
  return fmt::format("driver {}, {}, {:.0f} MHz, memory {:.0f} MHz", info.driver, info.libraries,
                     info.clock_hz / 1e6, info.memory_clock_hz / 1e6);
}

}  // namespace paraplan
