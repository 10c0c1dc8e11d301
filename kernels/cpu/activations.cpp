#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/spans.h"

namespace paraplan {
namespace {

// 1 / (1 + exp(-z)): exp is vectorised in both element types.
template <typename Real>
Chunk<Real> sigmoid(const Chunk<Real>& z) {
  return 1 / (1 + (-z).exp());
}

// gelu(x) = x / 2 * (1 + tanh(u)) = x * sigmoid(2 u) with u = sqrt(2 / pi) * (x + 0.044715 x^3). The second
// form does not cancel where tanh(u) is near -1.
constexpr double kTwoRootTwoOverPi = 1.5957691216057308;
constexpr double kCubic = 0.044715;

template <typename Real>
Chunk<Real> twice_u(const Chunk<Real>& x) {
  return static_cast<Real>(kTwoRootTwoOverPi) * x * (1 + static_cast<Real>(kCubic) * x.square());
}

template <typename Real>
Chunk<Real> twice_u_slope(const Chunk<Real>& x) {
  return static_cast<Real>(kTwoRootTwoOverPi) * (1 + static_cast<Real>(3 * kCubic) * x.square());
}

}  // namespace

template <typename Real>
void CpuBackend<Real>::gelu(const Matrix& x, const Matrix& bias, const Matrix& y) {
  for_chunks(x.rows, x.columns, [&](int64_t r, int64_t c, int64_t n) {
    const Chunk<Real> z = biased<Real>(x, bias, r, c, n);
    span<Real>(y, r, c, n) = z * sigmoid<Real>(twice_u<Real>(z));
  });
}

template <typename Real>
void CpuBackend<Real>::gelu_gradient(const Matrix& gradient, const Matrix& x, const Matrix& bias,
                                     const Matrix& x_gradient) {
  for_chunks(x.rows, x.columns, [&](int64_t r, int64_t c, int64_t n) {
    const Chunk<Real> z = biased<Real>(x, bias, r, c, n);
    const Chunk<Real> s = sigmoid<Real>(twice_u<Real>(z));
    span<Real>(x_gradient, r, c, n) =
        span<Real>(gradient, r, c, n) * s * (1 + z * (1 - s) * twice_u_slope<Real>(z));
  });
}

template <typename Real>
void CpuBackend<Real>::swiglu(const Matrix& x, const Matrix& y) {
  for_chunks(y.rows, y.columns, [&](int64_t r, int64_t c, int64_t n) {
    const Chunk<Real> gate = span<Real>(x, r, c, n);
    span<Real>(y, r, c, n) = gate * sigmoid<Real>(gate) * span<Real>(x, r, y.columns + c, n);
  });
}

// silu'(g) = s * (1 + g * (1 - s)) with s = sigmoid(g).
template <typename Real>
void CpuBackend<Real>::swiglu_gradient(const Matrix& gradient, const Matrix& x, const Matrix& x_gradient) {
  const int64_t width = gradient.columns;
  for_chunks(gradient.rows, width, [&](int64_t r, int64_t c, int64_t n) {
    const Chunk<Real> gate = span<Real>(x, r, c, n), up = span<Real>(x, r, width + c, n);
    const Chunk<Real> s = sigmoid<Real>(gate);
    const auto dy = span<Real>(gradient, r, c, n);
    span<Real>(x_gradient, r, c, n) = dy * up * s * (1 + gate * (1 - s));
    span<Real>(x_gradient, r, width + c, n) = dy * gate * s;
  });
}

template <typename Real>
void CpuBackend<Real>::tanh(const Matrix& bias, const Matrix& x) {
  for_chunks(x.rows, x.columns, [&](int64_t r, int64_t c, int64_t n) {
    span<Real>(x, r, c, n) = biased<Real>(x, bias, r, c, n).tanh();
  });
}

template <typename Real>
void CpuBackend<Real>::tanh_gradient(const Matrix& y, const Matrix& gradient) {
  for_chunks(y.rows, y.columns, [&](int64_t r, int64_t c, int64_t n) {
    span<Real>(gradient, r, c, n) *= 1 - span<Real>(y, r, c, n).square();
  });
}

template class CpuBackend<float>;
template class CpuBackend<double>;

}  // namespace paraplan
