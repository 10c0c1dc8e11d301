#pragma once

#include <string>

#include "kernels/backend.h"

namespace paraplan {

// The one place that knows which matrix library computes products: OpenBLAS where the build found it, else
// Eigen.
template <typename Real>
void multiply(const Gemm& product);

// A rank is one core: the library must not spread a product over others. Safe to call from any thread.
void use_one_thread_per_product();

// Name and version: "OpenBLAS 0.3.21".
std::string product_library();

}  // namespace paraplan
