#pragma once

#include <memory>
#include <string>

#include "kernels/accelerator.h"
#include "kernels/backend.h"

namespace paraplan {

const char* to_string(ElementType);

// A backend to train on. `device`: "cpu". Throws std::invalid_argument naming the devices that there are, or
// the element types that the device computes in. The CPU backend computes on the calling thread alone: one
// rank is one core.
std::unique_ptr<Backend> make_backend(const std::string& device, ElementType type);

// The accelerator of a kind: "cuda", its current device. Throws std::invalid_argument for another name, and
// DeviceError where this build has no such backend or the machine no usable device.
std::unique_ptr<Accelerator> make_accelerator(const std::string& device);

// Name and version of the matrix library behind the CPU backend ("OpenBLAS 0.3.21", "Eigen 3.4.0").
std::string cpu_matrix_library();

}  // namespace paraplan
