#include <cmath>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/spans.h"

namespace paraplan {
namespace {

// Sums side by side, so that an addition need not wait for the one before.
constexpr int64_t kSums = 16;

template <typename Real>
double square_sum_of_row(const Real* x, int64_t count) {
  double sums[kSums] = {};
  const int64_t whole = count - count % kSums;
  for (int64_t i = 0; i < whole; i += kSums)
    for (int64_t j = 0; j < kSums; ++j) {
      const auto value = static_cast<double>(x[i + j]);
      sums[j] += value * value;
    }
  double sum = 0;
  for (const double part : sums) sum += part;
  for (int64_t i = whole; i < count; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

// The constants of one AdamW step (Kingma and Ba 2015, algorithm 1; Loshchilov and Hutter 2019), put so that
// the bias corrections cost nothing per element:  p = decay * p - rate * m / (sqrt(v) * root_correction +
// epsilon).
template <typename Real>
struct AdamConstants {
  explicit AdamConstants(const AdamStep& s)
      : beta1(static_cast<Real>(s.beta1)),
        beta2(static_cast<Real>(s.beta2)),
        gradient_scale(static_cast<Real>(s.gradient_scale)),
        decay(static_cast<Real>(1 - s.learning_rate * s.weight_decay)),
        rate(static_cast<Real>(s.learning_rate / (1 - std::pow(s.beta1, s.step)))),
        root_correction(static_cast<Real>(1 / std::sqrt(1 - std::pow(s.beta2, s.step)))),
        epsilon(static_cast<Real>(s.epsilon)),
        rest1(static_cast<Real>(1 - s.beta1)),
        rest2(static_cast<Real>(1 - s.beta2)) {}

  Real beta1, beta2, gradient_scale, decay, rate, root_correction, epsilon;
  Real rest1, rest2;  // 1 - beta, rounded once
};

}  // namespace

template <typename Real>
double CpuBackend<Real>::square_sum(const Matrix& x) {
  double sum = 0;
  for (int64_t r = 0; r < x.rows; ++r) sum += square_sum_of_row(row_data<Real>(x, r), x.columns);
  return sum;
}

template <typename Real>
void CpuBackend<Real>::adam(const AdamStep& step, const Matrix& parameter, const Matrix& gradient,
                            const Matrix& first_moment, const Matrix& second_moment) {
  const AdamConstants<Real> k(step);
  for_chunks(parameter.rows, parameter.columns, [&](int64_t r, int64_t c, int64_t n) {
    auto p = span<Real>(parameter, r, c, n), g = span<Real>(gradient, r, c, n);
    auto m = span<Real>(first_moment, r, c, n), v = span<Real>(second_moment, r, c, n);
    g *= k.gradient_scale;
    m = k.beta1 * m + k.rest1 * g;
    v = k.beta2 * v + k.rest2 * g.square();
    p = k.decay * p - k.rate * m / (v.sqrt() * k.root_correction + k.epsilon);
    g.setZero();
  });
}

template class CpuBackend<float>;
template class CpuBackend<double>;

}  // namespace paraplan
