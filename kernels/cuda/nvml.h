#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace paraplan {

// NVIDIA's management library, which comes with the driver: what CUDA itself does not tell of a device.
// Loaded where it is there; what it cannot tell is nothing.
class Nvml {
 public:
  enum class Clock { processors, memory };

  // `bus_id`: the device's PCI bus id, as CUDA gives it.
  explicit Nvml(const std::string& bus_id);
  ~Nvml();
  Nvml(Nvml&&) noexcept;
  Nvml& operator=(Nvml&&) noexcept;

  std::optional<std::string> driver_version() const;  // "580.159.03"
  std::optional<double> highest_clock_hz(Clock clock) const;
  std::optional<double> process_memory_bytes() const;  // that this process holds on the device
  // That compute on the device, beside this one, which does.
  std::optional<int64_t> other_processes() const;

 private:
  struct State;
  struct Processes;
  std::optional<Processes> processes() const;

  std::unique_ptr<State> state_;  // null where the library or the device is not there
};

}  // namespace paraplan
