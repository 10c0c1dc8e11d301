#include "costmodel/scenario.h"

namespace paraplan {

LaunchTimes launch_times(const HardwareProfile& hardware, const SoftwareProfile& software) {
  const auto time = [&](const Constant& own) -> double {
    if (own == 0 && hardware.device.asynchronous_launch) return hardware.host.kernel_launch_s;
    return own * hardware.host.launch_scale;
  };
  return {time(software.host.launch_s), time(software.host.backward_launch_s)};
}

double context_bytes(const HardwareProfile& hardware, const SoftwareProfile& software) {
  const double own = software.memory.context_bytes;
  return own == 0 ? hardware.device.context_bytes : own;
}

}  // namespace paraplan
