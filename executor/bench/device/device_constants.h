#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "costmodel/profile/hardware_profile.h"
#include "executor/bench/device/device_op_bench.h"

namespace paraplan {

// What a device does beside single ops.
struct DeviceConstants {
  AcceleratorInfo info;
  double copy_bytes_per_s = 0;  // large copy inside the device, read and written bytes
  double copied_bytes = 0;      // of that copy, read
  struct ProductRate {
    int64_t size = 0;  // of the square matrices
    double flop_per_s = 0;
  };
  std::map<Precision, ProductRate> products;  // large ones; only precisions that the device has
  double kernel_floor_s = 0;                  // of a kernel with one element, in a graph
  double launch_s = 0, graph_launch_s = 0;    // of the host, per kernel
  double to_device_bytes_per_s = 0, to_host_bytes_per_s = 0;
  double fixed_bytes = 0;
};

DeviceConstants measure_constants(DeviceOpBench& bench);

// Adam's step and the norm of the gradients over a geometric series of sizes, all of a size in one call, up
// to `parameters` as memory allows. Only sizes that `known` does not hold, while `go_on`. Bytes per parameter
// are those of the kernels: the norm reads a gradient; Adam reads gradient, weight and moments and writes all
// four, and in 16 bits the rounded weight besides.
std::vector<OpSample> measure_device_optimizer(DeviceOpBench& bench, Precision precision, double parameters,
                                               const std::vector<OpSample>& known,
                                               const std::function<bool()>& go_on);

}  // namespace paraplan
