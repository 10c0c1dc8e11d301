#include "costmodel/model/scenario.h"

namespace paraplan {

StateSizes state_sizes(const Scenario& scenario) {
  const StateBytes& state = scenario.software.state;
  if (scenario.precision == Precision::fp32) {
    const auto element = static_cast<double>(bytes_per_element(Precision::fp32));
    return {element, element, state.moments, state.update_temporary};
  }
  return {state.gradient, state.reduced_gradient, state.moments + state.master_weight,
          state.gradient_copy + state.update_temporary};
}

LaunchTimes launch_times(const Scenario& scenario) {
  const HardwareProfile& hardware = scenario.hardware;
  const auto time = [&](const Constant& own) -> double {
    if (own == 0 && hardware.device.asynchronous_launch) return hardware.host.kernel_launch_s;
    return own * scenario.host.time_scale;
  };
  return {time(scenario.software.host.launch_s), time(scenario.software.host.backward_launch_s)};
}

double context_bytes(const HardwareProfile& hardware, const SoftwareProfile& software) {
  const double own = software.memory.context_bytes;
  return own == 0 ? hardware.device.context_bytes : own;
}

std::vector<std::string> all_warnings(const Scenario& scenario) {
  std::vector<std::string> all = scenario.warnings;
  for (const auto* warnings : {&scenario.hardware.warnings, &scenario.host.warnings,
                               &scenario.network.warnings, &scenario.software.warnings})
    all.insert(all.end(), warnings->begin(), warnings->end());
  return all;
}

double peak_flop_per_s(const Scenario& scenario) {
  const Device& device = scenario.hardware.device;
  return peak_flop_per_s(device, scenario.precision) * clock_ratio(device, scenario.cluster.clock_hz);
}

}  // namespace paraplan
