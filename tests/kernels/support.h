#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "kernels/backends.h"

namespace paraplan {

// Values of a matrix in double precision: what the references in the tests compute with.
struct Values {
  Values(int64_t row_count, int64_t column_count, double value = 0);
  double& operator()(int64_t row, int64_t column) { return data[row * columns + column]; }
  double operator()(int64_t row, int64_t column) const { return data[row * columns + column]; }

  int64_t rows, columns;
  std::vector<double> data;
};

// Multiples of 1/1024 in [-2, 2): exact in every element type. The same for the same seed.
Values random_values(int64_t rows, int64_t columns, uint64_t seed);

Values product(const Values& a, const Values& b);
Values transposed(const Values& a);
double inner(const Values& a, const Values& b);

// A matrix in a backend's memory with unused elements at the end of each row, which nothing may write to.
class DeviceMatrix {
 public:
  DeviceMatrix(Backend& backend, int64_t rows, int64_t columns);  // all NaN
  DeviceMatrix(Backend& backend, const Values& values);
  ~DeviceMatrix();
  DeviceMatrix(const DeviceMatrix&) = delete;
  DeviceMatrix& operator=(const DeviceMatrix&) = delete;

  operator const Matrix&() const { return matrix_; }
  HeadRows head_rows(int64_t tokens) const { return {matrix_.data, matrix_.stride, tokens}; }
  Values values() const;  // fails the test where an unused element was written

 private:
  double get(int64_t index) const;
  void set(int64_t index, double value);

  Backend& backend_;
  Matrix matrix_;
};

// A number in double precision in a backend's memory.
class DeviceDouble {
 public:
  DeviceDouble(Backend& backend, double value);
  ~DeviceDouble();
  DeviceDouble(const DeviceDouble&) = delete;
  DeviceDouble& operator=(const DeviceDouble&) = delete;

  double* data() const { return data_; }
  double value() const;

 private:
  Backend& backend_;
  double* data_;
};

// Tests that run in every element type.
class KernelTest : public testing::TestWithParam<ElementType> {
 protected:
  // Relative to the largest of the values: a few roundings for each term of the longest sum.
  double tolerance(int64_t terms = 1) const;
  void expect_near(const Values& actual, const Values& expected, int64_t terms = 1) const;

  std::unique_ptr<Backend> backend = make_backend("cpu", GetParam());
};

// Checks `gradient` of the scalar function `loss` at `x` against central differences.
void expect_gradient(const std::function<double(const Values&)>& loss, const Values& x,
                     const Values& gradient);

}  // namespace paraplan

// Runs the KernelTests of a fixture in both element types.
#define PARAPLAN_ALL_TYPES(fixture)                                          \
  INSTANTIATE_TEST_SUITE_P(                                                  \
      Types, fixture, testing::Values(ElementType::fp32, ElementType::fp64), \
      [](const auto& test) { return test.param == ElementType::fp32 ? "fp32" : "fp64"; })
