#include <gtest/gtest.h>

#include <string>

#include "costmodel/io/profiles/profile_fields.h"
#include "costmodel/io/profiles/profiles.h"

namespace paraplan {
namespace {

HardwareProfile shipped(const std::string& name) {
  return load_hardware(std::string(PARAPLAN_SOURCE_DIR) + "/profiles/hardware/" + name + ".toml");
}

// Profiles of one chip that differ in their memory share what was fitted on either.
void expect_same_chip(const std::string& a, const std::string& b) {
  HardwareProfile first = shipped(a), second = shipped(b);
  const ProfileFields left = profile_fields(first), right = profile_fields(second);
  int fitted = 0;
  for (size_t i = 0; i < left.constants.size(); ++i) {
    const Constant &mine = *left.constants[i].constant, &other = *right.constants[i].constant;
    if (!mine.from_rows() && !other.from_rows()) continue;
    EXPECT_EQ(mine, other) << left.constants[i].key;
    ++fitted;
  }
  EXPECT_GT(fitted, 0);
  EXPECT_EQ(first.node.pairs, second.node.pairs);
}

TEST(ShippedHardware, OfOneChipSharesWhatWasFitted) {
  expect_same_chip("v100_sxm2_16", "v100_sxm2_32");
  expect_same_chip("a100_sxm_40", "a100_sxm_80");
}

}  // namespace
}  // namespace paraplan
