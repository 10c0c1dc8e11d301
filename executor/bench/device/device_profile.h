#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "costmodel/profile/hardware_profile.h"
#include "executor/bench/device/device_constants.h"
#include "executor/bench/shape_choice.h"
#include "kernels/accelerator.h"

namespace paraplan {

// What is to be measured on one device of its own (ranks = 1), and whom to tell.
struct DeviceProfileJob {
  std::vector<ShapeJob> shapes;
  // A profile that was measured on this device: what is in it is kept and not measured again. Null: none.
  const HardwareProfile* previous = nullptr;
  // A profile that describes such a device and the node around it. Null: none.
  const HardwareProfile* described = nullptr;
  std::string date;
  std::function<bool()> go_on = [] { return true; };                                 // false: time is over
  std::function<void(const HardwareProfile&)> save = [](const HardwareProfile&) {};  // whenever there is more
  std::function<void(int64_t done, int64_t total)> progress = [](int64_t, int64_t) {};
};

struct DeviceProfileReport {
  HardwareProfile profile;
  ChoiceReport choice;
  int64_t new_samples = 0;
  std::optional<MachineLoad> load;  // meanwhile, the device's other users among it; not always known
};

// Measures the device's constants, its optimizer and the ops of the shapes, in this order. Each profile that
// is saved is complete but for samples. Throws DeviceError.
DeviceProfileReport profile_device(Accelerator& accelerator, const DeviceProfileJob& job);

// Whether `profile` may stand for the device where nothing is measured: its description holds the chip's name
// ("H200"), it has as many processors, and its memory is within 5 %.
bool describes(const HardwareProfile& profile, const AcceleratorInfo& info);

// "driver 580.95, CUDA 13.0, cuBLASLt 13.1, 1980 MHz, memory 3201 MHz": what a device's times depend on.
std::string circumstances(const AcceleratorInfo& info);

// A profile of the constants. What they do not say is the `described` one's; without it, assumed, on a node
// of one device. A described peak is kept, and the measured rate is its efficiency.
HardwareProfile device_profile(const DeviceConstants& constants, const HardwareProfile* described,
                               const std::string& date);

}  // namespace paraplan
