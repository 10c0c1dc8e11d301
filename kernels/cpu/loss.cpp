#include <cmath>
#include <limits>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/spans.h"

namespace paraplan {
namespace {

// Columns of a rank's part of the logits that stand for entries of the vocabulary.
int64_t valid_columns(const Matrix& logits, int64_t first, int64_t vocab) {
  return std::clamp<int64_t>(vocab - first, 0, logits.columns);
}

bool holds(int64_t target, int64_t first, int64_t valid) {
  return target >= first && target < first + valid;
}

}  // namespace

// A NaN among the logits may be missed here; loss_sum, which adds every logit's share, shows it.
template <typename Real>
void CpuBackend<Real>::loss_maximum(const Matrix& logits, int64_t first, int64_t vocab,
                                    const Matrix& maximum) {
  const int64_t valid = valid_columns(logits, first, vocab);
  for (int64_t r = 0; r < logits.rows; ++r)
    *row_data<Real>(maximum, r) =
        valid > 0 ? span<Real>(logits, r, 0, valid).maxCoeff() : -std::numeric_limits<Real>::infinity();
}

template <typename Real>
void CpuBackend<Real>::loss_sum(const Matrix& logits, int64_t first, int64_t vocab, const int64_t* targets,
                                const Matrix& maximum, const Matrix& sum, const Matrix& target) {
  const int64_t valid = valid_columns(logits, first, vocab);
  for (int64_t r = 0; r < logits.rows; ++r) {
    const Real most = *row_data<Real>(maximum, r);
    *row_data<Real>(sum, r) = (span<Real>(logits, r, 0, valid) - most).exp().sum();
    *row_data<Real>(target, r) =
        holds(targets[r], first, valid) ? row_data<Real>(logits, r)[targets[r] - first] - most : Real{0};
  }
}

template <typename Real>
void CpuBackend<Real>::cross_entropy(const int64_t* targets, double scale, const Matrix& sum,
                                     const Matrix& target, double* total) {
  double loss = 0;
  for (int64_t r = 0; r < sum.rows; ++r)
    if (targets[r] >= 0)
      loss += std::log(static_cast<double>(*row_data<Real>(sum, r))) -
              static_cast<double>(*row_data<Real>(target, r));
  *total += scale * loss;
}

template <typename Real>
void CpuBackend<Real>::cross_entropy_gradient(int64_t first, int64_t vocab, const int64_t* targets,
                                              double scale, const Matrix& maximum, const Matrix& sum,
                                              const Matrix& logits) {
  const int64_t valid = valid_columns(logits, first, vocab);
  for (int64_t r = 0; r < logits.rows; ++r) {
    const int64_t counted = targets[r] >= 0 ? valid : 0;
    auto row = span<Real>(logits, r, 0, counted);
    const Real factor = static_cast<Real>(scale) / *row_data<Real>(sum, r);
    row = (row - *row_data<Real>(maximum, r)).exp() * factor;
    if (holds(targets[r], first, counted)) row[targets[r] - first] -= static_cast<Real>(scale);
    span<Real>(logits, r, counted, logits.columns - counted).setZero();
  }
}

template class CpuBackend<float>;
template class CpuBackend<double>;

}  // namespace paraplan
