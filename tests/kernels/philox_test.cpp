#include "kernels/philox.h"

#include <gtest/gtest.h>

namespace paraplan {
namespace {

void expect_block(const PhiloxBlock& counter, const PhiloxKey& key, const PhiloxBlock& expected) {
  const PhiloxBlock block = philox4x32(counter, key);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(block.word[i], expected.word[i]) << "word " << i;
}

// Known answers of the authors' library Random123 (kat_vectors, philox4x32 10).
TEST(Philox, GivesTheKnownAnswers) {
  constexpr uint32_t kOnes = 0xFFFFFFFF;
  expect_block({{0, 0, 0, 0}}, {{0, 0}}, {{0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8}});
  expect_block({{kOnes, kOnes, kOnes, kOnes}}, {{kOnes, kOnes}},
               {{0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD}});
  expect_block({{0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344}}, {{0xA4093822, 0x299F31D0}},
               {{0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1}});
}

}  // namespace
}  // namespace paraplan
