// A device's measured constants as a hardware profile.
#include <fmt/format.h>

#include <algorithm>

#include "executor/bench/device/device_profile.h"

namespace paraplan {
namespace {

class Composer {
 public:
  Composer(const DeviceConstants& constants, std::string date) : c_(constants), date_(std::move(date)) {}

  // What no benchmark here tells, for a device that nothing describes.
  HardwareProfile assumed() const {
    HardwareProfile profile;
    profile.description = c_.info.name;
    Device& d = profile.device;
    d.memory_bytes_per_s = measured(c_.copy_bytes_per_s, "the rate of a copy stands for the peak");
    d.peak_bf16_flop_per_s = peak(Precision::bf16);
    d.peak_fp16_flop_per_s = peak(Precision::fp16);
    d.peak_fp32_flop_per_s = peak(Precision::fp32);
    d.sustained_rate = assumption(1, "long steps at the clock of the microbenchmarks");
    d.gemm_depth_overhead = assumption(256, "where no sample is near");
    d.batched_gemm_efficiency = assumption(0.5, "where no sample is near");
    d.flash_forward_efficiency = assumption(0.5, "where no sample is near");
    d.flash_backward_efficiency = assumption(0.4, "where no sample is near");
    d.tile_rows = assumption(128, "where no sample is near");
    d.tile_columns = assumption(128, "where no sample is near");
    d.overlap_slowdown = assumption(1.1, "not measured on one device alone");
    profile.node.devices = 1;
    profile.node.topology = NodeTopology::none;
    return profile;
  }

  void set_measured(HardwareProfile& profile) const {
    Device& d = profile.device;
    d.memory_bytes = measured(c_.info.memory_bytes, "as the driver reports it");
    d.processors = measured(static_cast<double>(c_.info.processors), "as the driver reports it");
    d.memory_efficiency = share(c_.copy_bytes_per_s, d.memory_bytes_per_s,
                                fmt::format("copy of {:.0f} MiB at {:.0f} GB/s (read and write)",
                                            c_.copied_bytes / kMebi, c_.copy_bytes_per_s / 1e9));
    set_gemm_efficiency(d);
    d.kernel_floor_s = measured(c_.kernel_floor_s, "a kernel with one element, in a graph");
    d.context_bytes = measured(c_.fixed_bytes, "context and libraries, before anything is allocated");
    d.asynchronous_launch = true;
    Host& h = profile.host;
    h.kernel_launch_s = measured(c_.launch_s, "kernels that do nothing");
    h.graph_launch_s = measured(c_.graph_launch_s, "a graph of kernels with one element");
    h.device_link_bytes_per_s =
        measured(std::min(c_.to_device_bytes_per_s, c_.to_host_bytes_per_s),
                 fmt::format("page-locked copies: {:.1f} GB/s to the device, {:.1f} GB/s back",
                             c_.to_device_bytes_per_s / 1e9, c_.to_host_bytes_per_s / 1e9));
  }

 private:
  static constexpr double kMebi = 1024.0 * 1024;

  // Of the first of these precisions that the device has a peak for: the fraction hardly differs among them.
  void set_gemm_efficiency(Device& d) const {
    for (const Precision precision : {Precision::bf16, Precision::fp16, Precision::fp32}) {
      const auto rate = c_.products.find(precision);
      const double peak = peak_flop_per_s(d, precision);
      if (rate == c_.products.end() || peak == 0) continue;
      d.gemm_efficiency =
          share(rate->second.flop_per_s, peak,
                fmt::format("{} product of {}^3 with random data: {:.0f} TFLOP/s", to_string(precision),
                            rate->second.size, rate->second.flop_per_s / 1e12));
      return;
    }
    d.gemm_efficiency = assumption(0.8, "no product could be measured");
  }

  Constant peak(Precision precision) const {
    const auto rate = c_.products.find(precision);
    if (rate == c_.products.end()) return {};
    return measured(rate->second.flop_per_s, "the rate of a large product stands for the peak");
  }

  Constant share(double rate, double peak, const std::string& what) const {
    return measured(std::min(1.0, rate / peak), what);
  }
  Constant measured(double value, const std::string& what) const {
    return {.value = value,
            .provenance = Provenance::measured,
            .source = fmt::format("paraplan profile {}: {}", date_, what)};
  }
  static Constant assumption(double value, const char* what) {
    return {.value = value, .provenance = Provenance::assumed, .source = what};
  }

  const DeviceConstants& c_;
  std::string date_;
};

}  // namespace

HardwareProfile device_profile(const DeviceConstants& constants, const HardwareProfile* described,
                               const std::string& date) {
  const Composer composer(constants, date);
  HardwareProfile profile = described != nullptr ? *described : composer.assumed();
  composer.set_measured(profile);
  return profile;
}

}  // namespace paraplan
