#include "costmodel/profile/hardware_profile.h"

#include <algorithm>

namespace paraplan {

int64_t sample_ranks(const Device& device, int64_t active) {
  return device.asynchronous_launch ? 1 : active;
}

double clock_ratio(const Device& device, double clock_hz) {
  return clock_hz > 0 && device.clock_hz > 0 ? clock_hz / device.clock_hz : 1;
}

double peak_flop_per_s(const Device& device, Precision precision) {
  switch (precision) {
    case Precision::fp16:
      return device.peak_fp16_flop_per_s;
    case Precision::bf16:
      return device.peak_bf16_flop_per_s;
    case Precision::fp32:
      return device.peak_fp32_flop_per_s;
    case Precision::fp64:
      break;
  }
  return 0;
}

double host_link_bytes_per_s(const Host& host, int64_t devices) {
  return std::min<double>(host.device_link_bytes_per_s,
                          host.node_link_bytes_per_s / static_cast<double>(devices));
}

}  // namespace paraplan
