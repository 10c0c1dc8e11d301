#include "costmodel/io/text/quantity.h"

#include <gtest/gtest.h>

namespace paraplan {
namespace {

TEST(Quantity, ReadsDurations) {
  EXPECT_DOUBLE_EQ(parse_duration("850ms").value(), 0.85);
  EXPECT_DOUBLE_EQ(parse_duration("12.4s").value(), 12.4);
  EXPECT_DOUBLE_EQ(parse_duration("12.4").value(), 12.4);
  EXPECT_DOUBLE_EQ(parse_duration("2min").value(), 120);
  EXPECT_DOUBLE_EQ(parse_duration("36 h").value(), 129600);
  EXPECT_DOUBLE_EQ(parse_duration("30d").value(), 2592000);
}

TEST(Quantity, ReadsCounts) {
  EXPECT_DOUBLE_EQ(parse_count("15T").value(), 15e12);
  EXPECT_DOUBLE_EQ(parse_count("0.3B").value(), 3e8);
  EXPECT_DOUBLE_EQ(parse_count("2e12").value(), 2e12);
}

TEST(Quantity, RefusesOthers) {
  for (const char* text : {"", "s", "0s", "-1d", "1w", "12 4s"}) EXPECT_FALSE(parse_duration(text)) << text;
  for (const char* text : {"", "T", "0", "15X", "15 TT"}) EXPECT_FALSE(parse_count(text)) << text;
}

}  // namespace
}  // namespace paraplan
