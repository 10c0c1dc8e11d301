#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/matrix_product.h"

namespace paraplan {

// The library's product first, then what follows it.
template <typename Real>
void CpuBackend<Real>::gemm(const Gemm& product) {
  Gemm plain = product;
  if (product.epilogue == Epilogue::gelu) plain.c = product.pre_activation;
  multiply<Real>(plain);
  if (product.bias.data != nullptr) bias_add(product.bias, plain.c);
  if (product.epilogue == Epilogue::gelu) gelu(product.pre_activation, {}, product.c);
  if (product.epilogue != Epilogue::gelu_gradient) return;
  gelu_gradient(product.c, product.pre_activation, {}, product.c);
  if (product.bias_gradient.data != nullptr) bias_gradient(product.c, product.bias_gradient);
}

template class CpuBackend<float>;
template class CpuBackend<double>;

}  // namespace paraplan
