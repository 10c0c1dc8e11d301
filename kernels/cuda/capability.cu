#include <cuda_runtime_api.h>

#include "kernels/cuda/capability.h"
#include "kernels/cuda/check.h"

namespace paraplan {
namespace {

int read(cudaDeviceAttr attribute) {
  int device = 0, value = 0;
  check_cuda(cudaGetDevice(&device), "finding the device");
  check_cuda(cudaDeviceGetAttribute(&value, attribute, device), "reading the device");
  return value;
}

}  // namespace

int compute_capability() {
  return 10 * read(cudaDevAttrComputeCapabilityMajor) + read(cudaDevAttrComputeCapabilityMinor);
}

size_t shared_memory_bytes() {
  return static_cast<size_t>(read(cudaDevAttrMaxSharedMemoryPerBlockOptin));
}

}  // namespace paraplan
