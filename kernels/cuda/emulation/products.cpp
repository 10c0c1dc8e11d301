// Matrix products where there is no cuBLASLt: sums in double precision, in plain loops.
#include "kernels/cuda/products.h"

#include <cmath>

#include "kernels/cuda/element.cuh"

namespace paraplan {

struct MatrixProducts::State {
  ElementType type;
};

MatrixProducts::MatrixProducts(ElementType type, QueueHandle, void*, size_t)
    : state_(std::make_unique<State>(State{type})) {}
MatrixProducts::~MatrixProducts() = default;
MatrixProducts::MatrixProducts(MatrixProducts&&) noexcept = default;
MatrixProducts& MatrixProducts::operator=(MatrixProducts&&) noexcept = default;

namespace {

double read(const Matrix& m, ElementType type, int64_t row, int64_t column) {
  const int64_t place = row * m.stride + column;
  if (type == ElementType::fp32) return static_cast<double>(static_cast<const float*>(m.data)[place]);
  if (type == ElementType::fp16)
    return static_cast<double>(to_float(static_cast<const Half*>(m.data)[place]));
  return static_cast<double>(to_float(static_cast<const Bfloat16*>(m.data)[place]));
}

void write(const Matrix& m, ElementType type, int64_t row, int64_t column, double value) {
  const int64_t place = row * m.stride + column;
  const auto rounded = static_cast<float>(value);
  if (type == ElementType::fp32)
    static_cast<float*>(m.data)[place] = rounded;
  else if (type == ElementType::fp16)
    static_cast<Half*>(m.data)[place] = from_float<Half>(rounded);
  else
    static_cast<Bfloat16*>(m.data)[place] = from_float<Bfloat16>(rounded);
}

double dot(const Gemm& g, ElementType type, int64_t row, int64_t column) {
  const int64_t inner = g.transpose_a ? g.a.rows : g.a.columns;
  double sum = 0;
  for (int64_t k = 0; k < inner; ++k)
    sum += (g.transpose_a ? read(g.a, type, k, row) : read(g.a, type, row, k)) *
           (g.transpose_b ? read(g.b, type, column, k) : read(g.b, type, k, column));
  return sum;
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

void add_to(const Matrix& row, int64_t column, double value) {
  static_cast<float*>(row.data)[column] += static_cast<float>(value);
}

void multiply(const Gemm& g, ElementType type, ElementType result_type) {
  for (int64_t i = 0; i < g.c.rows; ++i)
    for (int64_t j = 0; j < g.c.columns; ++j) {
      double value = dot(g, type, i, j);
      if (g.bias.data != nullptr) value += read(g.bias, type, 0, j);
      if (g.epilogue == Epilogue::gelu) {
        write(g.pre_activation, type, i, j, value);
        value = gelu(value);
      } else if (g.epilogue == Epilogue::gelu_gradient) {
        value *= gelu_slope(read(g.pre_activation, type, i, j));
        if (g.bias_gradient.data != nullptr) add_to(g.bias_gradient, j, value);
      }
      if (g.accumulate) value += read(g.c, result_type, i, j);
      write(g.c, result_type, i, j, value);
    }
}

}  // namespace

// Refuses GELU where cuBLASLt does, its input not lying in rows of a multiple of 8 elements; and some biases,
// as it may, so that the way round it is tested.
bool MatrixProducts::gemm(const Gemm& product) {
  if (product.epilogue != Epilogue::none && product.pre_activation.stride % 8 != 0) return false;
  if (product.bias.data != nullptr && product.c.columns % 2 != 0) return false;
  multiply(product, state_->type, product.accumulate ? accumulation_type(state_->type) : state_->type);
  return true;
}

void MatrixProducts::batched(const BatchedGemm& product) {
  Gemm one = product.first;
  const auto shift = [this](Matrix& m, int64_t elements) {
    m.data = static_cast<char*>(m.data) + elements * size_of(state_->type);
  };
  for (int64_t i = 0; i < product.count; ++i) {
    multiply(one, state_->type, state_->type);
    shift(one.a, product.stride_a), shift(one.b, product.stride_b), shift(one.c, product.stride_c);
  }
}

}  // namespace paraplan
