#include <new>
#include <string>

#include "kernels/accelerator.h"
#include "kernels/cuda/check.h"

namespace paraplan {

void check_cuda(cudaError_t status, const char* what, const std::source_location& caller) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // the error is told; later calls shall not report it again
  if (status == cudaErrorMemoryAllocation) throw std::bad_alloc();
  throw DeviceError(std::string(what) + ": " + cudaGetErrorString(status) + " (" + cudaGetErrorName(status) +
                    ", " + caller.file_name() + ":" + std::to_string(caller.line()) + ")");
}

}  // namespace paraplan
