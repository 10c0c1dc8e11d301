#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/spans.h"

namespace paraplan {
namespace {

bool has_row(const Matrix& table, int64_t row) {
  return row >= 0 && row < table.rows;
}

}  // namespace

template <typename Real>
void CpuBackend<Real>::embedding(const int64_t* tokens, int64_t first, const Matrix& table,
                                 const Matrix& out) {
  for (int64_t r = 0; r < out.rows; ++r) {
    const int64_t row = tokens[r] - first;
    if (has_row(table, row))
      row_span<Real>(out, r) = row_span<Real>(table, row);
    else
      row_span<Real>(out, r).setZero();
  }
}

template <typename Real>
void CpuBackend<Real>::embedding_gradient(const int64_t* tokens, int64_t first, const Matrix& gradient,
                                          const Matrix& table_gradient) {
  for (int64_t r = 0; r < gradient.rows; ++r) {
    const int64_t row = tokens[r] - first;
    if (has_row(table_gradient, row)) row_span<Real>(table_gradient, row) += row_span<Real>(gradient, r);
  }
}

template <typename Real>
void CpuBackend<Real>::position_embedding(const RowMap& map, int64_t tokens_per_row, const Matrix& table,
                                          const Matrix& x) {
  for (int64_t r = 0; r < x.rows; ++r)
    row_span<Real>(x, r) += row_span<Real>(table, map.position(r) / tokens_per_row);
}

template <typename Real>
void CpuBackend<Real>::position_embedding_gradient(const RowMap& map, int64_t tokens_per_row,
                                                   const Matrix& gradient, const Matrix& table_gradient) {
  for (int64_t r = 0; r < gradient.rows; ++r)
    row_span<Real>(table_gradient, map.position(r) / tokens_per_row) += row_span<Real>(gradient, r);
}

template class CpuBackend<float>;
template class CpuBackend<double>;

}  // namespace paraplan
