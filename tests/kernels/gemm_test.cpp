#include <thread>

#include "tests/kernels/support.h"

namespace paraplan {
namespace {

class GemmTest : public KernelTest {
 protected:
  void check(int64_t m, int64_t n, int64_t k, bool transpose_a, bool transpose_b, bool accumulate) {
    const Values a = random_values(m, k, 1), b = random_values(k, n, 2), before = random_values(m, n, 3);
    const DeviceMatrix da(*backend, transpose_a ? transposed(a) : a),
        db(*backend, transpose_b ? transposed(b) : b);
    const DeviceMatrix added_to(*backend, before), written(*backend, m, n);
    const DeviceMatrix& c = accumulate ? added_to : written;
    backend->gemm({da, transpose_a, db, transpose_b, c, accumulate});
    Values expected = product(a, b);
    if (accumulate)
      for (size_t i = 0; i < expected.data.size(); ++i) expected.data[i] += before.data[i];
    expect_near(c.values(), expected, k);
  }
};
PARAPLAN_ALL_TYPES(GemmTest);

TEST_P(GemmTest, MultipliesInEveryTransposition) {
  for (const bool transpose_a : {false, true})
    for (const bool transpose_b : {false, true})
      for (const bool accumulate : {false, true}) {
        check(17, 31, 13, transpose_a, transpose_b, accumulate);
        check(1, 5, 3, transpose_a, transpose_b, accumulate);
        check(33, 1, 70, transpose_a, transpose_b, accumulate);
      }
}

TEST_P(GemmTest, TakesEmptySums) {
  check(3, 4, 0, false, false, false);
  check(3, 4, 0, false, false, true);
  check(0, 4, 2, false, false, false);
}

// Ranks are threads of one process.
TEST_P(GemmTest, WorksOnSeveralThreadsAtOnce) {
  const Values a = random_values(90, 70, 1), b = random_values(70, 110, 2), expected = product(a, b);
  std::vector<Values> results(4, Values(90, 110));
  std::vector<std::thread> ranks;
  for (Values& result : results)
    ranks.emplace_back([&a, &b, &result] {
      const auto own = make_backend("cpu", GetParam());
      const DeviceMatrix da(*own, a), db(*own, b), c(*own, 90, 110);
      for (int i = 0; i < 20; ++i) own->gemm({.a = da, .b = db, .c = c});
      result = c.values();
    });
  for (std::thread& rank : ranks) rank.join();
  for (const Values& result : results) expect_near(result, expected, 70);
}

}  // namespace
}  // namespace paraplan
