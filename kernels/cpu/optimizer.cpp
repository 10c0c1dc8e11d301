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
  AdamConstants(const AdamStep& s, bool decays)
      : beta1(static_cast<Real>(s.beta1)),
        beta2(static_cast<Real>(s.beta2)),
        gradient_scale(static_cast<Real>(s.gradient_scale)),
        decay(static_cast<Real>(decays ? 1 - s.learning_rate * s.weight_decay : 1)),
        rate(static_cast<Real>(s.learning_rate / (1 - std::pow(s.beta1, s.step)))),
        root_correction(static_cast<Real>(1 / std::sqrt(1 - std::pow(s.beta2, s.step)))),
        epsilon(static_cast<Real>(s.epsilon)),
        rest1(static_cast<Real>(1 - s.beta1)),
        rest2(static_cast<Real>(1 - s.beta2)) {}

  Real beta1, beta2, gradient_scale, decay, rate, root_correction, epsilon;
  Real rest1, rest2;  // 1 - beta, rounded once
};

template <typename Real>
void update(const AdamConstants<Real>& k, const AdamTensor& t) {
  const Matrix& weight = t.master.data != nullptr ? t.master : t.parameter;
  for_chunks(weight.rows, weight.columns, [&](int64_t r, int64_t c, int64_t n) {
    auto p = span<Real>(weight, r, c, n), g = span<Real>(t.gradient, r, c, n);
    auto m = span<Real>(t.first_moment, r, c, n), v = span<Real>(t.second_moment, r, c, n);
    g *= k.gradient_scale;
    m = k.beta1 * m + k.rest1 * g;
    v = k.beta2 * v + k.rest2 * g.square();
    p = k.decay * p - k.rate * m / (v.sqrt() * k.root_correction + k.epsilon);
    g.setZero();
    if (t.master.data != nullptr) span<Real>(t.parameter, r, c, n) = p;  // of the same type: nothing to round
  });
}

}  // namespace

template <typename Real>
void CpuBackend<Real>::square_sum(std::span<const Matrix> matrices, double* total) {
  for (const Matrix& x : matrices)
    for (int64_t r = 0; r < x.rows; ++r) *total += square_sum_of_row(row_data<Real>(x, r), x.columns);
}

template <typename Real>
void CpuBackend<Real>::adam(const AdamStep& step, std::span<const AdamTensor> tensors) {
  const AdamConstants<Real> decaying(step, true), constant(step, false);
  for (const AdamTensor& tensor : tensors) update(tensor.decays ? decaying : constant, tensor);
}

template class CpuBackend<float>;
template class CpuBackend<double>;

}  // namespace paraplan
