#include <cmath>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/spans.h"

namespace paraplan {

// Two passes for the statistics: the variance is of the differences from the mean, not a difference of
// squares.
template <typename Real>
void CpuBackend<Real>::norm(const Matrix& x, const Matrix& gain, const Matrix& shift, double epsilon,
                            const Matrix& y, const Matrix& statistics) {
  const auto columns = static_cast<Real>(x.columns);
  const auto g = row_span<Real>(gain, 0);
  for (int64_t r = 0; r < x.rows; ++r) {
    const auto in = row_span<Real>(x, r);
    auto out = row_span<Real>(y, r);
    const Real mean = shift.data == nullptr ? Real{0} : in.sum() / columns;
    const Real variance = (in - mean).square().sum() / columns;
    const Real inverse = 1 / std::sqrt(variance + static_cast<Real>(epsilon));
    if (shift.data == nullptr)
      out = in * inverse * g;
    else
      out = (in - mean) * inverse * g + row_span<Real>(shift, 0);
    row_data<Real>(statistics, r)[0] = mean;
    row_data<Real>(statistics, r)[1] = inverse;
  }
}

// With n = (x - mean) * inverse and h = gradient * gain:  dx = inverse * (h - mean(h) - n * mean(h * n));
// RMSNorm, which takes no mean off, lacks the term mean(h).
template <typename Real>
void CpuBackend<Real>::norm_gradient(const Matrix& gradient, const Matrix& x, const Matrix& statistics,
                                     const Matrix& gain, const Matrix& x_gradient,
                                     const Matrix& gain_gradient, const Matrix& shift_gradient) {
  const auto columns = static_cast<Real>(x.columns);
  const auto g = row_span<Real>(gain, 0);
  auto dg = row_span<Real>(gain_gradient, 0);
  const bool centred = shift_gradient.data != nullptr;
  for (int64_t r = 0; r < x.rows; ++r) {
    const auto in = row_span<Real>(x, r), dy = row_span<Real>(gradient, r);
    const Real mean = row_data<Real>(statistics, r)[0], inverse = row_data<Real>(statistics, r)[1];
    const auto normal = (in - mean) * inverse;
    dg += dy * normal;
    if (centred) row_span<Real>(shift_gradient, 0) += dy;
    const Real along = (dy * g * normal).sum() / columns;
    const Real offset = centred ? (dy * g).sum() / columns : Real{0};
    row_span<Real>(x_gradient, r) = inverse * (dy * g - offset - normal * along);
  }
}

template class CpuBackend<float>;
template class CpuBackend<double>;

}  // namespace paraplan
