#pragma once

#include "kernels/backend.h"

namespace paraplan {

// A sum in double precision in the device's memory, which kernels add to.
class DeviceSum {
 public:
  // Zero. Keeps a reference.
  explicit DeviceSum(Backend& backend);
  ~DeviceSum() { backend_.release(data_); }
  DeviceSum(const DeviceSum&) = delete;
  DeviceSum& operator=(const DeviceSum&) = delete;

  double* data() const { return static_cast<double*>(data_); }
  // Waits for the kernels that add to it; the sum is zero again afterwards.
  double take();

 private:
  void clear();

  Backend& backend_;
  void* data_;
};

}  // namespace paraplan
