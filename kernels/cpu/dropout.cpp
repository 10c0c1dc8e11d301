#include <cstring>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/dropout_mask.h"
#include "kernels/cpu/spans.h"

namespace paraplan {
namespace {

void draw_mask(const DropoutDraw& draw, const Matrix& m, uint8_t* mask) {
  if (draw.probability == 0) {
    std::memset(mask, 1, static_cast<size_t>(m.elements()));
    return;
  }
  for (int64_t r = 0; r < m.rows; ++r) draw_mask_row(draw, r, m.columns, mask + r * m.columns);
}

// What a piece of a row is multiplied by: 0 where dropped, 1 / (1 - probability) where kept.
template <typename Real>
Chunk<Real> factors(double probability, const uint8_t* mask, int64_t count) {
  const auto scale = static_cast<Real>(1 / (1 - probability));
  Chunk<Real> factor(count);
  for (int64_t i = 0; i < count; ++i) factor[i] = mask[i] != 0 ? scale : Real{0};
  return factor;
}

template <typename Real>
void scale_kept(double probability, const uint8_t* mask, const Matrix& in, const Matrix& out) {
  for_chunks(in.rows, in.columns, [&](int64_t r, int64_t c, int64_t n) {
    span<Real>(out, r, c, n) =
        span<Real>(in, r, c, n) * factors<Real>(probability, mask + r * in.columns + c, n);
  });
}

}  // namespace

template <typename Real>
void CpuBackend<Real>::dropout(const DropoutDraw& draw, const Matrix& in, const Matrix& out, uint8_t* mask) {
  draw_mask(draw, in, mask);
  scale_kept<Real>(draw.probability, mask, in, out);
}

template <typename Real>
void CpuBackend<Real>::dropout_gradient(double probability, const uint8_t* mask, const Matrix& gradient,
                                        const Matrix& in_gradient) {
  scale_kept<Real>(probability, mask, gradient, in_gradient);
}

template <typename Real>
void CpuBackend<Real>::bias_dropout_add(const DropoutDraw& draw, const Matrix& in, const Matrix& bias,
                                        const Matrix& residual, const Matrix& out, uint8_t* mask) {
  if (mask != nullptr) draw_mask(draw, in, mask);
  for_chunks(in.rows, in.columns, [&](int64_t r, int64_t c, int64_t n) {
    Chunk<Real> branch = biased<Real>(in, bias, r, c, n);
    if (mask != nullptr) branch *= factors<Real>(draw.probability, mask + r * in.columns + c, n);
    span<Real>(out, r, c, n) = span<Real>(residual, r, c, n) + branch;
  });
}

template class CpuBackend<float>;
template class CpuBackend<double>;

}  // namespace paraplan
