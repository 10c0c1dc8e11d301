#pragma once

#include <memory>

#include "kernels/accelerator.h"

namespace paraplan {

// The current CUDA device, with a stream of its own. Throws DeviceError where there is no driver, no device,
// or none that this build has kernels for.
std::unique_ptr<Accelerator> make_cuda_accelerator();

}  // namespace paraplan
