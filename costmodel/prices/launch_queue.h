#pragma once

#include <algorithm>
#include <cstdint>

namespace paraplan {

// How long a run of kernels takes when one host thread issues them to one in-order device.
//
// Kernel i is issued at h_1 + ... + h_i and starts when it is issued and its predecessor is done. With the
// host at time 0 and the device idle, the whole run ends after
//   latency = max over i of (h_1 + ... + h_i) + (d_i + ... + d_n),
// while a device that is already far behind needs only `device`. Runs compose associatively (max-plus
// algebra), so a pass over many equal layers costs no more to price than one layer.
struct LaunchQueue {
  double host = 0;     // seconds to issue everything
  double device = 0;   // seconds of device work
  double latency = 0;  // seconds from the first issue to the last kernel's end, device idle before

  static LaunchQueue kernel(double host_s, double device_s) { return {host_s, device_s, host_s + device_s}; }

  // Everything waits for everything: the launching thread is the computing one.
  static LaunchQueue serial(double host_s, double device_s) {
    const double sum = host_s + device_s;
    return {sum, sum, sum};
  }

  friend LaunchQueue operator+(const LaunchQueue& a, const LaunchQueue& b) {
    return {a.host + b.host, a.device + b.device, std::max(a.latency + b.device, a.host + b.latency)};
  }

  LaunchQueue repeated(double times) const {
    if (times < 1) return {};
    return {times * host, times * device, latency + (times - 1) * std::max(host, device)};
  }
};

}  // namespace paraplan
