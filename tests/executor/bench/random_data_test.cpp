#include "executor/bench/random_data.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "kernels/backends.h"

namespace paraplan {
namespace {

TEST(RandomData, RoundsToTheNearestNumberOfSixteenBits) {
  EXPECT_EQ(to_bf16(1.0f), 0x3f80);
  EXPECT_EQ(to_bf16(-2.0f), 0xc000);
  // bf16 has steps of 2^-7 above 1: halfway goes to the even neighbour, more goes up.
  EXPECT_EQ(to_bf16(1 + 0x1p-8f), 0x3f80);
  EXPECT_EQ(to_bf16(1 + 3 * 0x1p-8f), 0x3f82);
  EXPECT_EQ(to_bf16(1 + 0x1p-8f + 0x1p-20f), 0x3f81);
  EXPECT_EQ(to_fp16(1.0f), 0x3c00);
  EXPECT_EQ(to_fp16(-0.5f), 0xb800);
  EXPECT_EQ(to_fp16(1 + 0x1p-11f), 0x3c00);  // steps of 2^-10
  EXPECT_EQ(to_fp16(1 + 3 * 0x1p-11f), 0x3c02);
  EXPECT_EQ(to_fp16(2 - 0x1p-12f), 0x4000);  // carries into the exponent
  EXPECT_EQ(to_fp16(0x1p-14f), 0x0400);
  EXPECT_EQ(to_fp16(-0x1p-15f), 0x8000);  // too small
}

TEST(RandomData, HasTheRangeOfItsContent) {
  const auto range = [](Content content) {
    const std::vector<char> bytes = random_elements(content, ElementType::fp32, 10000);
    std::vector<float> values(10000);
    std::memcpy(values.data(), bytes.data(), bytes.size());
    const auto [low, high] = std::ranges::minmax(values);
    return std::pair(low, high);
  };
  EXPECT_NEAR(range(Content::values).first, -1, 0.01);
  EXPECT_NEAR(range(Content::values).second, 1, 0.01);
  EXPECT_NEAR(range(Content::positive).first, 0.5, 0.01);
  EXPECT_NEAR(range(Content::positive).second, 1.5, 0.01);
  const std::vector<char> mask = random_elements(Content::mask, ElementType::fp32, 1000);
  EXPECT_EQ(mask.size(), 1000u);
  EXPECT_EQ(std::set<char>(mask.begin(), mask.end()), (std::set<char>{0, 1}));
}

TEST(RandomData, FillsAnyNumberOfBytes) {
  const auto backend = make_backend("cpu", ElementType::fp32);
  RandomData random(*backend);
  const size_t block = RandomData::kBlockElements;
  std::vector<char> memory(block + 7, 5);
  random.fill(Content::mask, ElementType::fp32, memory.data(), block + 6);
  EXPECT_LE(*std::max_element(memory.begin(), memory.end() - 1), 1);
  EXPECT_EQ(memory.back(), 5);
  // The block is repeated.
  EXPECT_TRUE(std::equal(memory.begin(), memory.begin() + 6, memory.begin() + static_cast<long>(block)));
}

}  // namespace
}  // namespace paraplan
