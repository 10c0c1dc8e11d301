#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "kernels/backend.h"

namespace paraplan {

// No such device here, or one that cannot be used; the message says why and what would help.
class DeviceError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct AcceleratorInfo {
  std::string name;       // "NVIDIA H200"
  std::string driver;     // "580.159.03"
  std::string libraries;  // "CUDA 13.0, cuBLASLt 13.1.0, cuDNN 9.19.0"
  double memory_bytes = 0;
  double cache_bytes = 0;      // last-level cache
  double clock_hz = 0;         // of the processors, highest
  double memory_clock_hz = 0;  // highest
  int64_t processors = 0;      // streaming multiprocessors
};

enum class CopyDirection { host_to_device, device_to_host };

// One accelerator as microbenchmarks see it: its clock, its memory, its copy engines. Work is queued through
// a backend of `make_backend`; the clock sees that queue.
class Accelerator {
 public:
  virtual ~Accelerator() = default;

  virtual AcceleratorInfo info() const = 0;
  // A backend on this accelerator's queue; lives no longer than this. Throws DeviceError where the device
  // lacks the element type.
  virtual std::unique_ptr<Backend> make_backend(ElementType type) = 0;
  virtual double free_memory_bytes() const = 0;
  // Memory that the process takes before it allocates anything: context, kernels, libraries' workspaces.
  virtual double fixed_memory_bytes() const = 0;
  // Processes that compute on the device now, beside this one. Nothing where the driver does not tell.
  virtual std::optional<int64_t> other_processes() const = 0;

  // Seconds between the device's reaching the first and finishing the last of what `work` queues. Includes
  // gaps while the host is slower than the device.
  virtual double queued_seconds(const std::function<void()>& work) = 0;
  // The same of `work` recorded once as a graph, whose launch does not wait for the host between kernels.
  // `work` must queue only; it runs once more, unrecorded, to warm up.
  class Recording {
   public:
    virtual ~Recording() = default;
    virtual double seconds() = 0;       // of one replay on the device
    virtual double host_seconds() = 0;  // that the host takes to issue one replay
  };
  virtual std::unique_ptr<Recording> record(const std::function<void()>& work) = 0;
  // Seconds that the host takes to queue one kernel that does nothing, on average over many.
  virtual double launch_seconds() = 0;
  // Seconds of one copy of `bytes` between page-locked host memory and the device.
  virtual double copy_seconds(CopyDirection direction, size_t bytes) = 0;
};

}  // namespace paraplan
