#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/spans.h"

namespace paraplan {

template <typename Real>
void CpuBackend<Real>::bias_add(const Matrix& bias, const Matrix& x) {
  for (int64_t r = 0; r < x.rows; ++r) row_span<Real>(x, r) += row_span<Real>(bias, 0);
}

template <typename Real>
void CpuBackend<Real>::bias_gradient(const Matrix& gradient, const Matrix& bias_gradient) {
  for (int64_t r = 0; r < gradient.rows; ++r) row_span<Real>(bias_gradient, 0) += row_span<Real>(gradient, r);
}

template <typename Real>
void CpuBackend<Real>::add(const Matrix& a, const Matrix& b, const Matrix& sum) {
  for (int64_t r = 0; r < sum.rows; ++r) row_span<Real>(sum, r) = row_span<Real>(a, r) + row_span<Real>(b, r);
}

template <typename Real>
void CpuBackend<Real>::copy(const Matrix& from, const Matrix& to) {
  for (int64_t r = 0; r < from.rows; ++r) row_span<Real>(to, r) = row_span<Real>(from, r);
}

template <typename Real>
void CpuBackend<Real>::fill(double value, const Matrix& x) {
  for (int64_t r = 0; r < x.rows; ++r) row_span<Real>(x, r).setConstant(static_cast<Real>(value));
}

template class CpuBackend<float>;
template class CpuBackend<double>;

}  // namespace paraplan
