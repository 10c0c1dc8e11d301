// Matrix products on column-major matrices.
#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "kernels/cuda/element.cuh"
#include "kernels/cuda/emulation/blas_product.h"

namespace paraplan::emulation {
namespace {

template <typename Body>
void for_type(cudaDataType_t type, const Body& body) {
  if (type == CUDA_R_16F)
    body(Half{});
  else if (type == CUDA_R_16BF)
    body(Bfloat16{});
  else
    body(float{});
}

// To 10 bits behind the point.
float round_to_tf32(float x) {
  constexpr uint32_t kCut = (1u << 13) - 1;
  return std::bit_cast<float>((std::bit_cast<uint32_t>(x) + kCut / 2 + 1) & ~kCut);
}

// op(m), column after column without gaps.
std::vector<double> read_factor(const void* data, const BlasLayout& m, int64_t index, bool turned,
                                bool tf32) {
  std::vector<double> factor(static_cast<size_t>(m.rows * m.columns));
  const int64_t row_step = turned ? m.columns : 1, column_step = turned ? 1 : m.rows;
  for_type(m.type, [&](auto of_type) {
    const auto* from = static_cast<const decltype(of_type)*>(data) + index * m.stride;
    for (int64_t column = 0; column < m.columns; ++column)
      for (int64_t row = 0; row < m.rows; ++row) {
        const float x = to_float(from[column * m.ld + row]);
        factor[static_cast<size_t>(column * column_step + row * row_step)] = tf32 ? round_to_tf32(x) : x;
      }
  });
  return factor;
}

void read(const void* data, cudaDataType_t type, int64_t first, std::vector<double>& values) {
  for_type(type, [&](auto of_type) {
    const auto* from = static_cast<const decltype(of_type)*>(data) + first;
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(to_float(from[i]));
  });
}

void write(const std::vector<double>& values, cudaDataType_t type, void* data, int64_t first) {
  for_type(type, [&](auto of_type) {
    using T = decltype(of_type);
    T* to = static_cast<T*>(data) + first;
    for (size_t i = 0; i < values.size(); ++i) to[i] = from_float<T>(static_cast<float>(values[i]));
  });
}

// tanh form (Hendrycks and Gimpel 2016)
constexpr double kRoot = 0.7978845608028654, kCube = 0.044715;

double gelu(double x) {
  return 0.5 * x * (1 + std::tanh(kRoot * (x + kCube * x * x * x)));
}

double gelu_slope(double x) {
  const double t = std::tanh(kRoot * (x + kCube * x * x * x));
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * kRoot * (1 + 3 * kCube * x * x);
}

// One matrix of a batch, a column of D at a time.
class OneProduct {
 public:
  OneProduct(const BlasProduct& product, const BlasOperands& operands, int64_t index)
      : product_(product),
        operands_(operands),
        index_(index),
        epilogue_(*epilogue_of(product.description.epilogue)),
        column_(static_cast<size_t>(product.d.rows)),
        other_(column_.size()),
        sums_(column_.size()) {}

  void compute();

 private:
  void multiply(const std::vector<double>& a, const double* b, size_t inner);
  void finish(int64_t column);

  const BlasProduct& product_;
  const BlasOperands& operands_;
  int64_t index_;
  BlasEpilogue epilogue_;
  std::vector<double> column_, other_;  // of D; of what it is combined with
  std::vector<double> sums_;            // of D's rows
};

// column = a b; sums over `inner`.
void OneProduct::multiply(const std::vector<double>& a, const double* b, size_t inner) {
  const size_t rows = column_.size();
  double* to = column_.data();
  std::fill(column_.begin(), column_.end(), 0);
  size_t k = 0;
  for (; k + 4 <= inner; k += 4) {
    const double *a0 = a.data() + k * rows, *a1 = a0 + rows, *a2 = a1 + rows, *a3 = a2 + rows;
    for (size_t i = 0; i < rows; ++i)
      to[i] += a0[i] * b[k] + a1[i] * b[k + 1] + a2[i] * b[k + 2] + a3[i] * b[k + 3];
  }
  for (; k < inner; ++k)
    for (size_t i = 0; i < rows; ++i) to[i] += a[k * rows + i] * b[k];
}

// From sums of products to what is stored. What C holds is not looked at where beta is 0.
void OneProduct::finish(int64_t column) {
  const BlasDescription& its = product_.description;
  const BlasLayout& d = product_.d;
  const int64_t place = index_ * d.stride + column * d.ld, auxiliary_place = column * its.auxiliary_ld;
  const size_t rows = column_.size();
  for (double& x : column_) x *= static_cast<double>(operands_.alpha);
  if (operands_.beta != 0) {
    read(operands_.c, d.type, place, other_);
    for (size_t i = 0; i < rows; ++i) column_[i] += static_cast<double>(operands_.beta) * other_[i];
  }
  if (epilogue_.bias) {
    read(its.bias, d.type, 0, other_);
    for (size_t i = 0; i < rows; ++i) column_[i] += other_[i];
  }
  if (epilogue_.gelu) {
    write(column_, d.type, its.auxiliary, auxiliary_place);
    for (double& x : column_) x = gelu(x);
  }
  if (epilogue_.gelu_gradient) {
    read(its.auxiliary, d.type, auxiliary_place, other_);
    for (size_t i = 0; i < rows; ++i) column_[i] *= gelu_slope(other_[i]);
  }
  for (size_t i = 0; i < rows; ++i) sums_[i] += column_[i];
  write(column_, d.type, operands_.d, place);
}

void OneProduct::compute() {
  const BlasDescription& its = product_.description;
  const bool turn_a = its.turn_a != CUBLAS_OP_N, turn_b = its.turn_b != CUBLAS_OP_N;
  const bool tf32 = its.compute == CUBLAS_COMPUTE_32F_FAST_TF32;
  const std::vector<double> a = read_factor(operands_.a, product_.a, index_, turn_a, tf32);
  const std::vector<double> b = read_factor(operands_.b, product_.b, index_, turn_b, tf32);
  const size_t inner = a.size() / column_.size();
  for (int64_t column = 0; column < product_.d.columns; ++column) {
    multiply(a, b.data() + static_cast<size_t>(column) * inner, inner);
    finish(column);
  }
  if (epilogue_.row_sums) write(sums_, product_.d.type, its.bias, 0);
}

}  // namespace

void compute_product(const BlasProduct& product, const BlasOperands& operands) {
  for (int64_t index = 0; index < product.d.count; ++index) OneProduct(product, operands, index).compute();
}

}  // namespace paraplan::emulation
