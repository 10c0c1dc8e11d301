#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "kernels/backends.h"

namespace paraplan {

// The CUDA backend of this test program: on the GPU, or under the emulation. Null, with a message, where it
// cannot run.
std::unique_ptr<Backend> make_tested_backend(ElementType type, std::string& why_not);

// One matrix in two memories: the tested backend's, in its type, and the CPU backend's, in fp64. Rows end
// with unused elements that nothing may write to.
class Twin {
 public:
  enum class Fill { random, poison };  // poison: NaN
  Twin(Backend& tested, Backend& reference, int64_t rows, int64_t columns, ElementType type, int64_t unused);
  ~Twin();
  Twin(Twin&& other) noexcept;
  Twin& operator=(Twin&&) = delete;

  // The same values on both sides, rounded to the tested type.
  void set(const std::vector<double>& values);
  const Matrix& on(const Backend& backend) const {
    return &backend == tested_ ? tested_matrix_ : reference_matrix_;
  }
  // Row after row; fails the test where an unused element was written.
  std::vector<double> tested_values() const;
  std::vector<double> reference_values() const;
  ElementType type() const { return type_; }
  int64_t columns() const { return tested_matrix_.columns; }

 private:
  Backend *tested_, *reference_;
  ElementType type_;
  Matrix tested_matrix_, reference_matrix_;
};

// Bytes in both memories: tokens, targets, masks, totals.
template <typename V>
class TwinArray {
 public:
  TwinArray(Backend& tested, Backend& reference, const std::vector<V>& values)
      : tested_(&tested), reference_(&reference), count_(values.size()) {
    at_tested_ = static_cast<V*>(tested.allocate(bytes()));
    at_reference_ = static_cast<V*>(reference.allocate(bytes()));
    tested.upload(values.data(), bytes(), at_tested_);
    reference.upload(values.data(), bytes(), at_reference_);
  }
  ~TwinArray() {
    tested_->release(at_tested_);
    reference_->release(at_reference_);
  }
  TwinArray(const TwinArray&) = delete;
  TwinArray& operator=(const TwinArray&) = delete;

  V* on(const Backend& backend) const { return &backend == tested_ ? at_tested_ : at_reference_; }
  std::vector<V> values(Backend& backend) const {
    std::vector<V> result(count_);
    backend.download(on(backend), bytes(), result.data());
    return result;
  }

 private:
  size_t bytes() const { return count_ * sizeof(V); }

  Backend *tested_, *reference_;
  size_t count_;
  V *at_tested_, *at_reference_;
};

// Tests that run the same calls on the CUDA backend, in every element type, and on the CPU backend in fp64.
class CudaTest : public testing::TestWithParam<ElementType> {
 protected:
  void SetUp() override;  // skips where there is no device

  // Uniform in [-scale, scale); another seed for every matrix of a test. `sums`: of the accumulation type.
  Twin random(int64_t rows, int64_t columns, double scale = 1, int64_t unused = 3);
  Twin random_sums(int64_t rows, int64_t columns, double scale = 1, int64_t unused = 3);
  Twin poisoned(int64_t rows, int64_t columns, int64_t unused = 3);
  Twin poisoned_sums(int64_t rows, int64_t columns, int64_t unused = 3);
  template <typename V>
  TwinArray<V> array(const std::vector<V>& values) {
    return TwinArray<V>(*tested, *reference, values);
  }

  // Runs `call` on the tested and on the reference backend.
  void on_both(const std::function<void(Backend&)>& call);

  // |tested - reference| <= roundings * (epsilon of `input` arithmetic + epsilon of the twin's type) *
  // largest reference value of the matrix. `terms`: length of the longest sum, in fp32.
  void expect_same(const Twin& twin, double terms = 1, double roundings = 4) const;
  // The same with tf32 or 2-byte factors: products of rounded inputs.
  double type_epsilon() const;

  std::unique_ptr<Backend> tested, reference;

 private:
  Twin make(int64_t rows, int64_t columns, ElementType type, int64_t unused);
  Twin filled(Twin twin, double scale);

  std::mt19937_64 engine_{1};
};

}  // namespace paraplan

// Runs the CudaTests of a fixture in fp32, fp16 and bf16.
#define PARAPLAN_CUDA_TYPES(fixture)                                                                 \
  INSTANTIATE_TEST_SUITE_P(Cuda, fixture,                                                            \
                           testing::Values(ElementType::fp32, ElementType::fp16, ElementType::bf16), \
                           [](const auto& test) { return to_string(test.param); })
