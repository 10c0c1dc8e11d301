#pragma once

#include <cuda_runtime_api.h>

#include <source_location>

namespace paraplan {

// Throws std::bad_alloc where the device is out of memory, else DeviceError with CUDA's message, what was
// being done, and where.
void check_cuda(cudaError_t status, const char* what,
                const std::source_location& caller = std::source_location::current());

}  // namespace paraplan
