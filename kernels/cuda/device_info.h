#pragma once

#include "kernels/accelerator.h"
#include "kernels/cuda/nvml.h"

namespace paraplan {

// Throws DeviceError where there is no device that CUDA can use, or a driver too old for this build.
void check_driver();
// PCI bus id of the current device.
std::string device_bus_id();
std::string device_name();
AcceleratorInfo read_device_info(const Nvml& nvml);
// Free and all memory of the current device.
struct DeviceMemoryInfo {
  double free_bytes = 0, total_bytes = 0;
};
DeviceMemoryInfo read_device_memory();

}  // namespace paraplan
