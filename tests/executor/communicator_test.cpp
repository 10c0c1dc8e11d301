#include "executor/worlds/communicator.h"

#include <gtest/gtest.h>

namespace paraplan {
namespace {

void expect_part(const Part& part, int64_t first, int64_t count) {
  EXPECT_EQ(part.first, first);
  EXPECT_EQ(part.count, count);
}

TEST(PartOf, GivesEqualPartsAndShortensTheLastOnes) {
  expect_part(part_of(12, 2, 4), 6, 3);
  // ceil(10 / 4) = 3: parts of 3, 3, 3 and 1.
  expect_part(part_of(10, 2, 4), 6, 3);
  expect_part(part_of(10, 3, 4), 9, 1);
  // ceil(9 / 8) = 2: four full parts, one of 1, three empty ones at the end.
  expect_part(part_of(9, 4, 8), 8, 1);
  expect_part(part_of(9, 5, 8), 9, 0);
  expect_part(part_of(9, 7, 8), 9, 0);
  expect_part(part_of(0, 1, 2), 0, 0);
}

TEST(PartOf, CoversEveryElementOnce) {
  for (int64_t n = 0; n < 50; ++n) {
    for (int64_t ranks = 1; ranks < 12; ++ranks) {
      int64_t next = 0;
      for (int64_t rank = 0; rank < ranks; ++rank) {
        const Part part = part_of(n, rank, ranks);
        ASSERT_EQ(part.first, next) << n << " over " << ranks;
        ASSERT_GE(part.count, 0);
        next += part.count;
      }
      ASSERT_EQ(next, n);
    }
  }
}

TEST(PartOf, HoldsBeyond32Bits) {
  const int64_t n = int64_t{1} << 40;
  expect_part(part_of(n + 1, 1, 2), n / 2 + 1, n / 2);
}

}  // namespace
}  // namespace paraplan
