#include <vector>

#include "tests/cuda/twin.h"

namespace paraplan {
namespace {

struct Size {
  int64_t m, n, k, unused;
};
// Odd sizes and rows that nothing is aligned to; sizes that every fast kernel takes; single rows and columns.
constexpr Size kSizes[] = {{5, 7, 3, 3},    {33, 65, 67, 1}, {64, 96, 128, 0},
                           {40, 72, 24, 8}, {1, 16, 9, 0},   {17, 1, 8, 0}};

class CudaGemmTest : public CudaTest {
 protected:
  Twin factor(bool transposed, int64_t rows, int64_t columns, int64_t unused) {
    return transposed ? random(columns, rows, 1, unused) : random(rows, columns, 1, unused);
  }
  // Sums of k products in fp32; the factors of fp32 products are tf32, cut after 10 bits.
  double terms(int64_t k) const {
    constexpr double kTf32 = 8192;  // 2^-10 in units of fp32's epsilon
    return static_cast<double>(k) + (GetParam() == ElementType::fp32 ? 2 * kTf32 : 0);
  }
  // The same for sums over rounded results.
  double terms_of_rounded(int64_t k) const { return terms(k) + 4 * type_epsilon() / 0x1p-23; }
};
PARAPLAN_CUDA_TYPES(CudaGemmTest);

TEST_P(CudaGemmTest, MultipliesInAllTransposes) {
  for (const auto& [m, n, k, unused] : kSizes)
    for (const bool transpose_a : {false, true})
      for (const bool transpose_b : {false, true}) {
        const Twin a = factor(transpose_a, m, k, unused), b = factor(transpose_b, k, n, unused);
        const Twin c = poisoned(m, n, unused);
        on_both([&](Backend& on) {
          on.gemm({.a = a.on(on),
                   .transpose_a = transpose_a,
                   .b = b.on(on),
                   .transpose_b = transpose_b,
                   .c = c.on(on)});
        });
        expect_same(c, terms(k));
      }
}

// Twice: sums go on where the first call left them, whether or not it tried several algorithms.
TEST_P(CudaGemmTest, AddsToSums) {
  for (const auto& [m, n, k, unused] : kSizes) {
    const Twin a = factor(true, m, k, unused), b = random(k, n, 1, unused), c = random_sums(m, n, 1, unused);
    for (int i = 0; i < 2; ++i) {
      on_both([&](Backend& on) {
        on.gemm({.a = a.on(on), .transpose_a = true, .b = b.on(on), .c = c.on(on), .accumulate = true});
      });
      expect_same(c, terms(2 * k));
    }
  }
}

TEST_P(CudaGemmTest, AddsABias) {
  for (const auto& [m, n, k, unused] : kSizes) {
    const Twin a = random(m, k, 1, unused), b = random(k, n, 1, unused), bias = random(1, n, 3);
    const Twin c = poisoned(m, n, unused);
    on_both(
        [&](Backend& on) { on.gemm({.a = a.on(on), .b = b.on(on), .c = c.on(on), .bias = bias.on(on)}); });
    expect_same(c, terms(k));
  }
}

TEST_P(CudaGemmTest, AppliesGeluAndKeepsItsInput) {
  for (const auto& [m, n, k, unused] : kSizes)
    for (const bool with_bias : {false, true}) {
      const Twin a = random(m, k, 1, unused), b = factor(true, k, n, unused), bias = random(1, n);
      const Twin c = poisoned(m, n, unused), before = poisoned(m, n, unused);
      on_both([&](Backend& on) {
        on.gemm({.a = a.on(on),
                 .b = b.on(on),
                 .transpose_b = true,
                 .c = c.on(on),
                 .bias = with_bias ? bias.on(on) : Matrix{},
                 .epilogue = Epilogue::gelu,
                 .pre_activation = before.on(on)});
      });
      expect_same(before, terms(k));
      expect_same(c, terms(k));
    }
}

TEST_P(CudaGemmTest, AppliesTheGradientOfGelu) {
  for (const auto& [m, n, k, unused] : kSizes)
    for (const bool with_bias : {false, true}) {
      const Twin a = random(m, k, 1, unused), b = random(k, n, 1, unused), before = random(m, n, 2, unused);
      const Twin c = poisoned(m, n, unused), bias_gradient = random_sums(1, n);
      on_both([&](Backend& on) {
        on.gemm({.a = a.on(on),
                 .b = b.on(on),
                 .c = c.on(on),
                 .epilogue = Epilogue::gelu_gradient,
                 .pre_activation = before.on(on),
                 .bias_gradient = with_bias ? bias_gradient.on(on) : Matrix{}});
      });
      expect_same(c, terms(k));
      expect_same(bias_gradient, terms_of_rounded(m));
    }
}

// A part of the columns of a wider matrix, which starts at an odd place.
TEST_P(CudaGemmTest, WorksOnPartsOfMatrices) {
  constexpr int64_t kFirst = 3, kRows = 24, kColumns = 40;
  const Twin a = random(kRows, 64, 1, 0), b = random(kColumns, 64, 1, 0), c = random(kRows, 64, 1, 0);
  on_both([&](Backend& on) {
    const ElementType type = on.element_type();
    on.gemm({.a = columns_of(a.on(on), kFirst, 32, type),
             .b = columns_of(b.on(on), 1, 32, type),
             .transpose_b = true,
             .c = columns_of(c.on(on), kFirst, kColumns, type)});
  });
  expect_same(c, terms(32));
}

TEST_P(CudaGemmTest, LeavesNothingToDoForNoRows) {
  const Twin a = random(4, 8), b = random(8, 8), c = random(4, 8);
  on_both([&](Backend& on) {
    Matrix no_rows = a.on(on), no_result = c.on(on);
    no_rows.rows = no_result.rows = 0;
    on.gemm({.a = no_rows, .b = b.on(on), .c = no_result});
  });
  expect_same(c, 0, 0);
}

}  // namespace
}  // namespace paraplan
