#include "tests/cuda/twin.h"

namespace paraplan {
namespace {

// Rows of 67 with a stride of 70 have no 16-byte accesses; rows of 64 without unused elements have.
struct Size {
  int64_t rows, columns, unused;
};
constexpr Size kSizes[] = {{5, 67, 3}, {7, 64, 0}, {3, 64, 16}, {1, 1, 0}, {9, 1024, 8}};

class ElementwiseTest : public CudaTest {};
PARAPLAN_CUDA_TYPES(ElementwiseTest);

TEST_P(ElementwiseTest, Adds) {
  for (const auto& [rows, columns, unused] : kSizes) {
    const Twin a = random(rows, columns, 1, unused), b = random(rows, columns, 1, unused);
    const Twin sum = poisoned(rows, columns, unused);
    on_both([&](Backend& on) { on.add(a.on(on), b.on(on), sum.on(on)); });
    expect_same(sum);
    on_both([&](Backend& on) { on.add(a.on(on), b.on(on), a.on(on)); });
    expect_same(a);
  }
}

TEST_P(ElementwiseTest, Copies) {
  for (const auto& [rows, columns, unused] : kSizes) {
    const Twin from = random(rows, columns, 1, unused), to = poisoned(rows, columns);
    on_both([&](Backend& on) { on.copy(from.on(on), to.on(on)); });
    expect_same(to, 0, 0);
  }
}

TEST_P(ElementwiseTest, Fills) {
  for (const auto& [rows, columns, unused] : kSizes) {
    const Twin x = poisoned(rows, columns, unused);
    on_both([&](Backend& on) { on.fill(-0.375, x.on(on)); });
    expect_same(x, 0, 0);
  }
}

}  // namespace
}  // namespace paraplan
