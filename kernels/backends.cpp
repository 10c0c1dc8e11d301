#include "kernels/backends.h"

#include <dlfcn.h>

#include <stdexcept>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/matrix_product.h"

namespace paraplan {
namespace {

// The module is loaded when it is asked for, and stays: CUDA's libraries are large, and most commands do
// without.
std::unique_ptr<Accelerator> load_cuda_accelerator() {
  void* module = dlopen("libparaplan_cuda.so", RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr)
    throw DeviceError(std::string("no CUDA backend (a build has one where nvcc 12.4 or later is found): ") +
                      dlerror());
  const auto make = reinterpret_cast<Accelerator* (*)()>(dlsym(module, "paraplan_make_accelerator"));
  if (make == nullptr)
    throw DeviceError(std::string("libparaplan_cuda.so is not of this build: ") + dlerror());
  return std::unique_ptr<Accelerator>(make());
}

}  // namespace

const char* to_string(ElementType type) {
  switch (type) {
    case ElementType::fp16:
      return "fp16";
    case ElementType::bf16:
      return "bf16";
    case ElementType::fp32:
      return "fp32";
    case ElementType::fp64:
      break;
  }
  return "fp64";
}

std::unique_ptr<Backend> make_backend(const std::string& device, ElementType type) {
  if (device != "cpu") throw std::invalid_argument("no device '" + device + "' to train on; there is: cpu");
  if (type == ElementType::fp16 || type == ElementType::bf16)
    throw std::invalid_argument(std::string("the CPU computes in fp32 or fp64, not in ") + to_string(type));
  use_one_thread_per_product();
  if (type == ElementType::fp64) return std::make_unique<CpuBackend<double>>();
  return std::make_unique<CpuBackend<float>>();
}

std::unique_ptr<Accelerator> make_accelerator(const std::string& device) {
  if (device == "cuda") return load_cuda_accelerator();
  throw std::invalid_argument("no accelerator \"" + device + "\"; known: cuda");
}

std::string cpu_matrix_library() {
  return product_library();
}

}  // namespace paraplan
