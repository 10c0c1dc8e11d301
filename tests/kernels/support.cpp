#include "tests/kernels/support.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace paraplan {
namespace {

constexpr int64_t kUnused = 3;  // elements at the end of a row
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

Values::Values(int64_t row_count, int64_t column_count, double value)
    : rows(row_count), columns(column_count), data(static_cast<size_t>(row_count * column_count), value) {}

Values random_values(int64_t rows, int64_t columns, uint64_t seed) {
  std::mt19937_64 engine(seed);
  Values result(rows, columns);
  for (double& x : result.data) x = static_cast<double>(engine() % 4096) / 1024 - 2;
  return result;
}

Values product(const Values& a, const Values& b) {
  Values c(a.rows, b.columns);
  for (int64_t i = 0; i < a.rows; ++i)
    for (int64_t k = 0; k < a.columns; ++k)
      for (int64_t j = 0; j < b.columns; ++j) c(i, j) += a(i, k) * b(k, j);
  return c;
}

Values transposed(const Values& a) {
  Values t(a.columns, a.rows);
  for (int64_t i = 0; i < a.rows; ++i)
    for (int64_t j = 0; j < a.columns; ++j) t(j, i) = a(i, j);
  return t;
}

double inner(const Values& a, const Values& b) {
  double sum = 0;
  for (size_t i = 0; i < a.data.size(); ++i) sum += a.data[i] * b.data[i];
  return sum;
}

DeviceMatrix::DeviceMatrix(Backend& backend, int64_t rows, int64_t columns) : backend_(backend) {
  matrix_ = {.rows = rows, .columns = columns, .stride = columns + kUnused};
  const int64_t elements = rows * matrix_.stride;
  matrix_.data = backend.allocate(static_cast<size_t>(elements * size_of(backend.element_type())));
  for (int64_t i = 0; i < elements; ++i) set(i, kNan);
}

DeviceMatrix::DeviceMatrix(Backend& backend, const Values& values)
    : DeviceMatrix(backend, values.rows, values.columns) {
  for (int64_t r = 0; r < values.rows; ++r)
    for (int64_t c = 0; c < values.columns; ++c) set(r * matrix_.stride + c, values(r, c));
}

DeviceMatrix::~DeviceMatrix() {
  backend_.release(matrix_.data);
}

Values DeviceMatrix::values() const {
  backend_.synchronize();
  Values result(matrix_.rows, matrix_.columns);
  for (int64_t r = 0; r < matrix_.rows; ++r) {
    for (int64_t c = 0; c < matrix_.columns; ++c) result(r, c) = get(r * matrix_.stride + c);
    for (int64_t c = matrix_.columns; c < matrix_.stride; ++c)
      EXPECT_TRUE(std::isnan(get(r * matrix_.stride + c))) << "written past the end of row " << r;
  }
  return result;
}

double DeviceMatrix::get(int64_t index) const {
  if (backend_.element_type() == ElementType::fp64) return static_cast<const double*>(matrix_.data)[index];
  return static_cast<double>(static_cast<const float*>(matrix_.data)[index]);
}

void DeviceMatrix::set(int64_t index, double value) {
  if (backend_.element_type() == ElementType::fp64)
    static_cast<double*>(matrix_.data)[index] = value;
  else
    static_cast<float*>(matrix_.data)[index] = static_cast<float>(value);
}

DeviceDouble::DeviceDouble(Backend& backend, double value)
    : backend_(backend), data_(static_cast<double*>(backend.allocate(sizeof(double)))) {
  backend.upload(&value, sizeof value, data_);
}

DeviceDouble::~DeviceDouble() {
  backend_.release(data_);
}

double DeviceDouble::value() const {
  double value = 0;
  backend_.download(data_, sizeof value, &value);
  return value;
}

double KernelTest::tolerance(int64_t terms) const {
  const double epsilon = GetParam() == ElementType::fp64
                             ? std::numeric_limits<double>::epsilon()
                             : static_cast<double>(std::numeric_limits<float>::epsilon());
  return epsilon * (8 + 2 * static_cast<double>(terms));
}

void KernelTest::expect_near(const Values& actual, const Values& expected, int64_t terms) const {
  ASSERT_EQ(actual.rows, expected.rows);
  ASSERT_EQ(actual.columns, expected.columns);
  double largest = 1;
  for (const double x : expected.data) largest = std::max(largest, std::abs(x));
  for (int64_t r = 0; r < actual.rows; ++r)
    for (int64_t c = 0; c < actual.columns; ++c)
      ASSERT_NEAR(actual(r, c), expected(r, c), tolerance(terms) * largest)
          << "row " << r << ", column " << c;
}

void expect_gradient(const std::function<double(const Values&)>& loss, const Values& x,
                     const Values& gradient) {
  constexpr double kStep = 1e-5;
  ASSERT_EQ(x.data.size(), gradient.data.size());
  for (size_t i = 0; i < x.data.size(); ++i) {
    Values above = x, below = x;
    above.data[i] += kStep;
    below.data[i] -= kStep;
    const double slope = (loss(above) - loss(below)) / (2 * kStep);
    ASSERT_NEAR(gradient.data[i], slope, 1e-7 * std::max(1.0, std::abs(slope))) << "element " << i;
  }
}

}  // namespace paraplan
