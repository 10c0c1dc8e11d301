// Gradients of the CUDA backend against central differences of its own forward pass, in fp32.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "tests/cuda/twin.h"

namespace paraplan {
namespace {

constexpr double kNormEpsilon = 1e-5;

class DifferencesTest : public testing::Test {
 protected:
  using Numbers = std::vector<float>;
  using Forward = std::function<void(const Matrix& x, const Matrix& y)>;
  using Backward = std::function<void(const Matrix& dy, const Matrix& x, const Matrix& y, const Matrix& dx)>;

  void SetUp() override {
    std::string why_not;
    backend = make_tested_backend(ElementType::fp32, why_not);
    if (!backend) GTEST_SKIP() << why_not;
  }
  void TearDown() override {
    for (void* data : memory_) backend->release(data);
  }

  void* allocate(size_t bytes) { return memory_.emplace_back(backend->allocate(bytes)); }
  Matrix device(int64_t rows, int64_t columns, const Numbers& values) {
    const Matrix m{allocate(values.size() * sizeof(float)), rows, columns, columns};
    backend->upload(values.data(), values.size() * sizeof(float), m.data);
    return m;
  }
  Matrix poisoned(int64_t rows, int64_t columns) {
    return device(rows, columns,
                  Numbers(static_cast<size_t>(rows * columns), std::numeric_limits<float>::quiet_NaN()));
  }
  Matrix random(int64_t rows, int64_t columns) { return device(rows, columns, numbers(rows * columns)); }
  Numbers values(const Matrix& m) {
    Numbers result(static_cast<size_t>(m.elements()));
    backend->download(m.data, result.size() * sizeof(float), result.data());
    return result;
  }
  Numbers numbers(int64_t count) {
    std::uniform_real_distribution<float> uniform(-1, 1);
    Numbers result(static_cast<size_t>(count));
    for (float& x : result) x = uniform(engine_);
    return result;
  }

  // d loss / d x at some places of x, where `loss` says what loss(x) is.
  void expect_slopes(const std::function<double(const Matrix&)>& loss, const Matrix& x,
                     const Numbers& gradient) {
    constexpr float kStep = 1.0f / 128;
    constexpr size_t kPlaces = 24;
    const Numbers at = values(x);
    for (size_t place = 0; place < kPlaces; ++place) {
      const size_t i = place * 7919 % at.size();
      const auto moved = [&](float step) {
        Numbers near = at;
        near[i] += step;
        backend->upload(near.data(), near.size() * sizeof(float), x.data);
        return loss(x);
      };
      const double slope = (moved(kStep) - moved(-kStep)) / (2 * static_cast<double>(kStep));
      EXPECT_NEAR(static_cast<double>(gradient[i]), slope, 2e-3 * std::max(1.0, std::abs(slope)))
          << "element " << i;
    }
    backend->upload(at.data(), at.size() * sizeof(float), x.data);
  }

  // x (rows, columns) -> y (rows, y_columns), seen through random weights.
  void expect_gradient(int64_t rows, int64_t columns, int64_t y_columns, const Forward& forward,
                       const Backward& backward) {
    const Matrix x = random(rows, columns), y = poisoned(rows, y_columns), dx = poisoned(rows, columns);
    const Matrix dy = random(rows, y_columns);
    const Numbers weights = values(dy);
    const auto loss = [&](const Matrix& at) {
      forward(at, y);
      const Numbers result = values(y);
      double sum = 0;
      for (size_t i = 0; i < result.size(); ++i)
        sum += static_cast<double>(result[i]) * static_cast<double>(weights[i]);
      return sum;
    };
    loss(x);
    backward(dy, x, y, dx);
    expect_slopes(loss, x, values(dx));
  }

  std::unique_ptr<Backend> backend;

 private:
  std::vector<void*> memory_;
  std::mt19937 engine_{1};
};

TEST_F(DifferencesTest, Norms) {
  constexpr int64_t kRows = 5, kColumns = 40;
  for (const bool centred : {true, false}) {
    const Matrix gain = random(1, kColumns), shift = centred ? random(1, kColumns) : Matrix{};
    const Matrix statistics = poisoned(kRows, 2);
    const Matrix gain_gradient = random(1, kColumns),
                 shift_gradient = centred ? random(1, kColumns) : Matrix{};
    expect_gradient(
        kRows, kColumns, kColumns,
        [&](const Matrix& x, const Matrix& y) { backend->norm(x, gain, shift, kNormEpsilon, y, statistics); },
        [&](const Matrix& dy, const Matrix& x, const Matrix&, const Matrix& dx) {
          backend->norm_gradient(dy, x, statistics, gain, dx, gain_gradient, shift_gradient);
        });
  }
}

TEST_F(DifferencesTest, Activations) {
  const Matrix bias = random(1, 36);
  expect_gradient(
      4, 36, 36, [&](const Matrix& x, const Matrix& y) { backend->gelu(x, bias, y); },
      [&](const Matrix& dy, const Matrix& x, const Matrix&, const Matrix& dx) {
        backend->gelu_gradient(dy, x, bias, dx);
      });
  expect_gradient(
      4, 36, 18, [&](const Matrix& x, const Matrix& y) { backend->swiglu(x, y); },
      [&](const Matrix& dy, const Matrix& x, const Matrix&, const Matrix& dx) {
        backend->swiglu_gradient(dy, x, dx);
      });
  expect_gradient(
      4, 36, 36,
      [&](const Matrix& x, const Matrix& y) {
        backend->copy(x, y);
        backend->tanh(bias, y);
      },
      [&](const Matrix& dy, const Matrix&, const Matrix& y, const Matrix& dx) {
        backend->copy(dy, dx);
        backend->tanh_gradient(y, dx);
      });
}

TEST_F(DifferencesTest, RowsOfHeads) {
  RowMap map;
  map.tokens = map.all_tokens = 6;
  const auto turn = [&](const Matrix& from, const Matrix& to, bool inverse) {
    backend->copy(from, to);
    backend->rotary(map, 2, 16, 10000, inverse, to);
  };
  expect_gradient(
      6, 32, 32, [&](const Matrix& x, const Matrix& y) { turn(x, y, false); },
      [&](const Matrix& dy, const Matrix&, const Matrix&, const Matrix& dx) { turn(dy, dx, true); });
}

TEST_F(DifferencesTest, Dropout) {
  DropoutDraw draw{.probability = 0.25, .seed = 3, .site = 1, .step = 2, .rows = {}};
  draw.rows.tokens = draw.rows.all_tokens = 5;
  auto* mask = static_cast<uint8_t*>(allocate(5 * 24));
  expect_gradient(
      5, 24, 24, [&](const Matrix& x, const Matrix& y) { backend->dropout(draw, x, y, mask); },
      [&](const Matrix& dy, const Matrix&, const Matrix&, const Matrix& dx) {
        backend->dropout_gradient(draw.probability, mask, dy, dx);
      });
}

TEST_F(DifferencesTest, Softmax) {
  const AttentionShape shape{.heads = 2, .kv_heads = 2, .queries = 7, .keys = 9, .first_query = 2};
  expect_gradient(
      shape.rows(), shape.keys, shape.keys,
      [&](const Matrix& x, const Matrix& y) {
        backend->copy(x, y);
        backend->softmax(shape, 0.5, y);
      },
      [&](const Matrix& dy, const Matrix&, const Matrix& y, const Matrix& dx) {
        backend->copy(dy, dx);
        backend->softmax_gradient(shape, 0.5, y, dx);
      });
}

// Queries, keys and values side by side; two query heads share a head of keys and values.
TEST_F(DifferencesTest, FlashAttention) {
  constexpr int64_t kTokens = 20, kWidth = 16;
  const AttentionShape shape{.heads = 2, .kv_heads = 1, .queries = kTokens, .keys = kTokens, .width = kWidth};
  const Matrix sums = poisoned(shape.rows(), 1);
  for (const double dropout : {0.0, 0.25}) {
    DropoutDraw draw{.probability = dropout, .seed = 3, .site = 1, .step = 2, .rows = {}};
    draw.rows.tokens = draw.rows.all_tokens = kTokens;
    draw.rows.groups = draw.rows.all_groups = 2;
    const auto part = [](const Matrix& m, int64_t first) {
      return HeadRows{static_cast<float*>(m.data) + first * kWidth, m.stride, kTokens};
    };
    expect_gradient(
        kTokens, 4 * kWidth, 2 * kWidth,
        [&](const Matrix& x, const Matrix& y) {
          backend->flash_attention(shape, 0.5, draw, part(x, 0), part(x, 2), part(x, 3), y, sums);
        },
        [&](const Matrix& dy, const Matrix& x, const Matrix& y, const Matrix& dx) {
          backend->flash_attention_gradient(shape, 0.5, draw, dy, part(x, 0), part(x, 2), part(x, 3), y, sums,
                                            part(dx, 0), part(dx, 2), part(dx, 3));
        });
  }
}

TEST_F(DifferencesTest, CrossEntropy) {
  constexpr int64_t kRows = 4, kVocab = 30, kPadded = 32;
  const std::vector<int64_t> targets = {3, -1, 29, 0};
  auto* labels = static_cast<int64_t*>(allocate(targets.size() * sizeof(int64_t)));
  backend->upload(targets.data(), targets.size() * sizeof(int64_t), labels);
  auto* total = static_cast<double*>(allocate(sizeof(double)));
  const Matrix x = random(kRows, kPadded), maximum = poisoned(kRows, 1), sum = poisoned(kRows, 1),
               target = poisoned(kRows, 1);
  const auto loss = [&](const Matrix& logits) {
    double result = 0;
    backend->upload(&result, sizeof(result), total);
    backend->loss_maximum(logits, 0, kVocab, maximum);
    backend->loss_sum(logits, 0, kVocab, labels, maximum, sum, target);
    backend->cross_entropy(labels, 1, sum, target, total);
    backend->download(total, sizeof(result), &result);
    return result;
  };
  loss(x);
  const Matrix gradient = poisoned(kRows, kPadded);
  backend->copy(x, gradient);
  backend->cross_entropy_gradient(0, kVocab, labels, 1, maximum, sum, gradient);
  expect_slopes(loss, x, values(gradient));
}

}  // namespace
}  // namespace paraplan
