#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/element.cuh"
#include "tests/cuda/twin.h"

namespace paraplan {

std::unique_ptr<Backend> make_tested_backend(ElementType type, std::string&) {
  if (type == ElementType::fp16) return std::make_unique<CudaBackend<Half>>(nullptr);
  if (type == ElementType::bf16) return std::make_unique<CudaBackend<Bfloat16>>(nullptr);
  return std::make_unique<CudaBackend<float>>(nullptr);
}

}  // namespace paraplan
