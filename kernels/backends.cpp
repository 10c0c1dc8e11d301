#include "kernels/backends.h"

#include <stdexcept>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/matrix_product.h"

namespace paraplan {

std::unique_ptr<Backend> make_backend(const std::string& device, ElementType type) {
  if (device != "cpu") throw std::invalid_argument("no device '" + device + "' in this build; it has: cpu");
  use_one_thread_per_product();
  if (type == ElementType::fp64) return std::make_unique<CpuBackend<double>>();
  return std::make_unique<CpuBackend<float>>();
}

std::string cpu_matrix_library() {
  return product_library();
}

}  // namespace paraplan
