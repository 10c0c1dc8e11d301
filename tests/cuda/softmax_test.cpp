#include <cmath>
#include <limits>
#include <numeric>

#include "tests/cuda/twin.h"

namespace paraplan {
namespace {

constexpr double kScale = 0.3;

class SoftmaxTest : public CudaTest {
 protected:
  // Random rows; what the mask hides is NaN, so that it shows where it is used.
  Twin masked(const AttentionShape& shape, double scale, int64_t unused) {
    Twin twin = random(shape.rows(), shape.keys, scale, unused);
    if (!shape.causal) return twin;
    std::vector<double> values = twin.reference_values();
    for (int64_t r = 0; r < shape.rows(); ++r)
      for (int64_t k = shape.first_query + r % shape.queries + 1; k < shape.keys; ++k)
        values[r * shape.keys + k] = std::numeric_limits<double>::quiet_NaN();
    twin.set(values);
    return twin;
  }

  void check(const AttentionShape& shape, int64_t unused) {
    SCOPED_TRACE(std::to_string(shape.keys) + " keys from query " + std::to_string(shape.first_query));
    const Twin scores = masked(shape, 6, unused), gradient = masked(shape, 1, unused);
    on_both([&](Backend& on) { on.softmax(shape, kScale, scores.on(on)); });
    expect_same(scores, 30);
    on_both([&](Backend& on) { on.softmax_gradient(shape, kScale, scores.on(on), gradient.on(on)); });
    expect_same(gradient, 30, 8);
  }
};
PARAPLAN_CUDA_TYPES(SoftmaxTest);

// Rows for a warp, a block, and (from 16385 keys, in single accesses from 6145) too long to be held.
TEST_P(SoftmaxTest, AllKeys) {
  for (const int64_t keys : {1, 3, 64, 67, 1000, 4101, 6145})
    check({.batch = 1, .heads = 1, .queries = 3, .keys = keys, .causal = false}, 3);
  for (const int64_t keys : {8, 64, 1000, 4096, 16392})
    check({.batch = 1, .heads = 3, .queries = 1, .keys = keys, .causal = false}, 0);
}

TEST_P(SoftmaxTest, CausalFromTheFirstQuery) {
  check({.batch = 2, .heads = 3, .queries = 7, .keys = 7}, 2);
  check({.batch = 2, .heads = 2, .queries = 72, .keys = 72}, 0);
}

// The queries of one rank of a context group, in the midst of the keys or at their end.
TEST_P(SoftmaxTest, CausalFromALaterQuery) {
  check({.batch = 2, .heads = 2, .queries = 3, .keys = 67, .first_query = 35}, 3);
  check({.batch = 2, .heads = 2, .queries = 8, .keys = 64, .first_query = 56}, 0);
  for (const int64_t unused : {0, 3}) {
    check({.batch = 1, .heads = 2, .queries = 3, .keys = 4096, .first_query = 1021}, unused);
    check({.batch = 1, .heads = 2, .queries = 2, .keys = 16392, .first_query = 9001}, unused);
  }
}

// e^x of such scores is 0 or infinite in every type.
TEST_P(SoftmaxTest, RowsFarFromZero) {
  const AttentionShape shape{.batch = 1, .heads = 1, .queries = 5, .keys = 80, .causal = false};
  Twin scores = random(shape.rows(), shape.keys, 2, 0);
  std::vector<double> values = scores.reference_values();
  for (size_t i = 0; i < values.size(); ++i) values[i] += (static_cast<double>(i / 80) - 2) * 15000;
  values[3] = -std::numeric_limits<double>::infinity();
  scores.set(values);
  on_both([&](Backend& on) { on.softmax(shape, kScale, scores.on(on)); });
  expect_same(scores, 30);
}

}  // namespace
}  // namespace paraplan
