#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/matrix_product.h"

namespace paraplan {

template <typename Real>
void CpuBackend<Real>::gemm(const Gemm& product) {
  multiply<Real>(product);
}

template class CpuBackend<float>;
template class CpuBackend<double>;

}  // namespace paraplan
