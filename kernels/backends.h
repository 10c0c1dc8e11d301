#pragma once

#include <memory>
#include <string>

#include "kernels/backend.h"

namespace paraplan {

// A backend of this build. `device`: "cpu". Throws std::invalid_argument naming the devices that this build
// has. The CPU backend computes on the calling thread alone: one rank is one core.
std::unique_ptr<Backend> make_backend(const std::string& device, ElementType type);

// Name and version of the matrix library behind the CPU backend ("OpenBLAS 0.3.21", "Eigen 3.4.0").
std::string cpu_matrix_library();

}  // namespace paraplan
