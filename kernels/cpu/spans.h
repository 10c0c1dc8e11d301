#pragma once

// g++ 12 takes the don't-care operands of the AVX-512 intrinsics for uninitialised reads (GCC bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <Eigen/Core>
#pragma GCC diagnostic pop

#include <algorithm>

#include "kernels/matrix.h"

namespace paraplan {

// Elements worked on at a time, so that a chunk of every operand stays in the first-level cache.
inline constexpr int64_t kChunk = 512;

// A local copy of at most kChunk elements, on the stack.
template <typename Real>
using Chunk = Eigen::Array<Real, 1, Eigen::Dynamic, Eigen::RowMajor, 1, kChunk>;

// A piece of a row in the backend's memory. Arithmetic on it uses vector instructions, exp included.
template <typename Real>
using Span = Eigen::Map<Eigen::Array<Real, 1, Eigen::Dynamic, Eigen::RowMajor>>;

template <typename Real>
Real* row_data(const Matrix& m, int64_t row) {
  return static_cast<Real*>(m.data) + row * m.stride;
}

template <typename Real>
Span<Real> span(const Matrix& m, int64_t row, int64_t column, int64_t count) {
  return Span<Real>(row_data<Real>(m, row) + column, count);
}

template <typename Real>
Span<Real> row_span(const Matrix& m, int64_t row) {
  return span<Real>(m, row, 0, m.columns);
}

// Calls body(row, column, count) for pieces of at most kChunk elements that cover a (rows, columns) matrix.
template <typename Body>
void for_chunks(int64_t rows, int64_t columns, const Body& body) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; c += kChunk) body(r, c, std::min(kChunk, columns - c));
}

// A piece of x + bias, where bias is one row or absent.
template <typename Real>
Chunk<Real> biased(const Matrix& x, const Matrix& bias, int64_t row, int64_t column, int64_t count) {
  if (bias.data == nullptr) return span<Real>(x, row, column, count);
  return span<Real>(x, row, column, count) + span<Real>(bias, 0, column, count);
}

}  // namespace paraplan
