// What attention does row by row: softmax, the order of heads, rotary positions.
#include <cassert>
#include <cmath>
#include <numbers>

#include "kernels/cpu/attention_blocks.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/spans.h"

namespace paraplan {
namespace {

// Calls body(span of the context, span of the merged rows) for every head of every token.
template <typename Real, typename Body>
void for_head_spans(const AttentionShape& shape, const Matrix& context, const Matrix& merged,
                    const Body& body) {
  for (int64_t sample = 0; sample < shape.batch; ++sample)
    for (int64_t head = 0; head < shape.heads; ++head)
      for (int64_t token = 0; token < shape.queries; ++token) {
        const int64_t row = (sample * shape.heads + head) * shape.queries + token;
        body(span<Real>(context, row, 0, shape.width),
             span<Real>(merged, sample * shape.queries + token, head * shape.width, shape.width));
      }
}

// Turns per position of pairs [first, first + count) of a head, in radians.
Chunk<double> rotary_frequencies(int64_t width, double base, int64_t first, int64_t count) {
  Chunk<double> frequency(count);
  for (int64_t i = 0; i < count; ++i)
    frequency[i] = std::pow(base, -2.0 * static_cast<double>(first + i) / static_cast<double>(width));
  return frequency;
}

// Angles less whole turns, taken off in double: sine and cosine are then exact enough in any element type.
template <typename Real>
Chunk<Real> rotary_angles(const Chunk<double>& frequency, double position) {
  constexpr double kTurn = 2 * std::numbers::pi;
  const Chunk<double> angle = position * frequency;
  return (angle - kTurn * (angle / kTurn).rint()).template cast<Real>();
}

template <typename Real>
void rotate_pairs(const Chunk<Real>& cosine, const Chunk<Real>& sine, Span<Real> low, Span<Real> high) {
  const Chunk<Real> old_low = low;
  low = old_low * cosine - high * sine;
  high = high * cosine + old_low * sine;
}

}  // namespace

template <typename Real>
void CpuBackend<Real>::softmax(const AttentionShape& shape, double scale, const Matrix& scores) {
  for (int64_t r = 0; r < shape.rows(); ++r) {
    const int64_t visible = visible_keys(shape, r);
    auto row = span<Real>(scores, r, 0, visible);
    const Real maximum = row.maxCoeff();
    row = ((row - maximum) * static_cast<Real>(scale)).exp();
    row *= 1 / row.sum();
    span<Real>(scores, r, visible, shape.keys - visible).setZero();
  }
}

template <typename Real>
void CpuBackend<Real>::softmax_gradient(const AttentionShape& shape, double scale,
                                        const Matrix& probabilities, const Matrix& gradient) {
  for (int64_t r = 0; r < shape.rows(); ++r) {
    const int64_t visible = visible_keys(shape, r);
    const auto p = span<Real>(probabilities, r, 0, visible);
    auto g = span<Real>(gradient, r, 0, visible);
    const Real inner = (p * g).sum();
    g = static_cast<Real>(scale) * p * (g - inner);
    span<Real>(gradient, r, visible, shape.keys - visible).setZero();
  }
}

template <typename Real>
void CpuBackend<Real>::merge_heads(const AttentionShape& shape, const Matrix& context, const Matrix& merged) {
  for_head_spans<Real>(shape, context, merged, [](const Span<Real>& from, Span<Real> to) { to = from; });
}

template <typename Real>
void CpuBackend<Real>::split_heads(const AttentionShape& shape, const Matrix& merged, const Matrix& context) {
  for_head_spans<Real>(shape, context, merged, [](Span<Real> to, const Span<Real>& from) { to = from; });
}

template <typename Real>
void CpuBackend<Real>::rotary(const RowMap& map, int64_t heads, int64_t width, double base, bool inverse,
                              const Matrix& rows) {
  assert(width % 2 == 0);
  const int64_t half = width / 2;
  for_chunks(1, half, [&](int64_t, int64_t first, int64_t count) {
    const Chunk<double> frequency = rotary_frequencies(width, base, first, count);
    for (int64_t r = 0; r < rows.rows; ++r) {
      const auto position = static_cast<double>(map.position(r));
      const Chunk<Real> angle = rotary_angles<Real>(frequency, inverse ? -position : position);
      const Chunk<Real> cosine = angle.cos(), sine = angle.sin();
      for (int64_t h = 0; h < heads; ++h)
        rotate_pairs<Real>(cosine, sine, span<Real>(rows, r, h * width + first, count),
                           span<Real>(rows, r, h * width + half + first, count));
    }
  });
}

template class CpuBackend<float>;
template class CpuBackend<double>;

}  // namespace paraplan
