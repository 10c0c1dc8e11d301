#include "tests/cuda/twin.h"

#include <Eigen/Core>
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

namespace paraplan {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

template <typename V>
double get(const char* bytes) {
  V value;
  std::memcpy(&value, bytes, sizeof(value));
  return static_cast<double>(value);
}

template <typename V>
void put(double value, char* bytes) {
  const V rounded(static_cast<float>(value));
  std::memcpy(bytes, &rounded, sizeof(rounded));
}

double decode(const char* bytes, ElementType type) {
  if (type == ElementType::fp16) return get<Eigen::half>(bytes);
  if (type == ElementType::bf16) return get<Eigen::bfloat16>(bytes);
  return type == ElementType::fp32 ? get<float>(bytes) : get<double>(bytes);
}

void encode(double value, ElementType type, char* bytes) {
  if (type == ElementType::fp16) return put<Eigen::half>(value, bytes);
  if (type == ElementType::bf16) return put<Eigen::bfloat16>(value, bytes);
  if (type == ElementType::fp32) return put<float>(value, bytes);
  std::memcpy(bytes, &value, sizeof(value));
}

size_t bytes_of(const Matrix& m, ElementType type) {
  return static_cast<size_t>(m.rows * m.stride * size_of(type));
}

void upload(Backend& backend, const Matrix& m, ElementType type, const std::vector<double>& values) {
  std::vector<char> bytes(bytes_of(m, type));
  for (int64_t r = 0; r < m.rows; ++r)
    for (int64_t c = 0; c < m.stride; ++c)
      encode(c < m.columns ? values[r * m.columns + c] : kNan, type,
             &bytes[(r * m.stride + c) * size_of(type)]);
  backend.upload(bytes.data(), bytes.size(), m.data);
}

std::vector<double> download(Backend& backend, const Matrix& m, ElementType type) {
  std::vector<char> bytes(bytes_of(m, type));
  backend.download(m.data, bytes.size(), bytes.data());
  std::vector<double> values;
  for (int64_t r = 0; r < m.rows; ++r)
    for (int64_t c = 0; c < m.stride; ++c) {
      const double value = decode(&bytes[(r * m.stride + c) * size_of(type)], type);
      if (c < m.columns)
        values.push_back(value);
      else
        EXPECT_TRUE(std::isnan(value)) << "written past the end of row " << r;
    }
  return values;
}

double epsilon_of(ElementType type) {
  if (type == ElementType::fp16) return std::ldexp(1, -10);
  if (type == ElementType::bf16) return std::ldexp(1, -7);
  return type == ElementType::fp32 ? std::numeric_limits<float>::epsilon()
                                   : std::numeric_limits<double>::epsilon();
}

}  // namespace

Twin::Twin(Backend& tested, Backend& reference, int64_t rows, int64_t columns, ElementType type,
           int64_t unused)
    : tested_(&tested), reference_(&reference), type_(type) {
  tested_matrix_ = reference_matrix_ = {.rows = rows, .columns = columns, .stride = columns + unused};
  tested_matrix_.data = tested.allocate(bytes_of(tested_matrix_, type));
  reference_matrix_.data = reference.allocate(bytes_of(reference_matrix_, ElementType::fp64));
  set(std::vector<double>(static_cast<size_t>(rows * columns), kNan));
}

Twin::~Twin() {
  if (tested_matrix_.data == nullptr) return;
  tested_->release(tested_matrix_.data);
  reference_->release(reference_matrix_.data);
}

Twin::Twin(Twin&& other) noexcept
    : tested_(other.tested_),
      reference_(other.reference_),
      type_(other.type_),
      tested_matrix_(std::exchange(other.tested_matrix_, {})),
      reference_matrix_(other.reference_matrix_) {}

void Twin::set(const std::vector<double>& values) {
  std::vector<double> rounded = values;
  for (double& x : rounded) {
    char bytes[sizeof(double)];
    encode(x, type_, bytes);
    x = decode(bytes, type_);
  }
  upload(*tested_, tested_matrix_, type_, rounded);
  upload(*reference_, reference_matrix_, ElementType::fp64, rounded);
}

std::vector<double> Twin::tested_values() const {
  return download(*tested_, tested_matrix_, type_);
}

std::vector<double> Twin::reference_values() const {
  return download(*reference_, reference_matrix_, ElementType::fp64);
}

void CudaTest::SetUp() {
  std::string why_not;
  tested = make_tested_backend(GetParam(), why_not);
  if (!tested) GTEST_SKIP() << why_not;
  reference = make_backend("cpu", ElementType::fp64);
}

Twin CudaTest::make(int64_t rows, int64_t columns, ElementType type, int64_t unused) {
  return {*tested, *reference, rows, columns, type, unused};
}

Twin CudaTest::filled(Twin twin, double scale) {
  std::uniform_real_distribution<double> uniform(-scale, scale);
  std::vector<double> values(static_cast<size_t>(twin.on(*tested).elements()));
  for (double& x : values) x = uniform(engine_);
  twin.set(values);
  return twin;
}

Twin CudaTest::random(int64_t rows, int64_t columns, double scale, int64_t unused) {
  return filled(make(rows, columns, GetParam(), unused), scale);
}

Twin CudaTest::random_sums(int64_t rows, int64_t columns, double scale, int64_t unused) {
  return filled(make(rows, columns, accumulation_type(GetParam()), unused), scale);
}

Twin CudaTest::poisoned(int64_t rows, int64_t columns, int64_t unused) {
  return make(rows, columns, GetParam(), unused);
}

Twin CudaTest::poisoned_sums(int64_t rows, int64_t columns, int64_t unused) {
  return make(rows, columns, accumulation_type(GetParam()), unused);
}

void CudaTest::on_both(const std::function<void(Backend&)>& call) {
  call(*tested);
  call(*reference);
  tested->synchronize();
}

double CudaTest::type_epsilon() const {
  return epsilon_of(GetParam());
}

void CudaTest::expect_same(const Twin& twin, double terms, double roundings) const {
  const std::vector<double> actual = twin.tested_values(), expected = twin.reference_values();
  double largest = 0;
  for (const double x : expected) {
    ASSERT_FALSE(std::isnan(x)) << "the reference did not write all of it";
    if (std::isfinite(x)) largest = std::max(largest, std::abs(x));
  }
  const double tolerance =
      (roundings * epsilon_of(twin.type()) + terms * epsilon_of(ElementType::fp32)) * largest;
  for (size_t i = 0; i < expected.size(); ++i) {
    const auto place = [&] {
      return "row " + std::to_string(i / twin.columns()) + ", column " + std::to_string(i % twin.columns());
    };
    if (std::isinf(expected[i]))
      ASSERT_EQ(actual[i], expected[i]) << place();
    else
      ASSERT_NEAR(actual[i], expected[i], tolerance) << place();
  }
}

}  // namespace paraplan
