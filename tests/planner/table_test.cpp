#include "planner/report/table.h"

#include <gtest/gtest.h>

#include <limits>

namespace paraplan {
namespace {

TEST(Table, AlignsColumnsAndTrimsLines) {
  const Table table{{{"name", Align::left}, {"n"}, {"note", Align::left}},
                    {{"a", "100", ""}, {"long", "2", "x"}}};
  EXPECT_EQ(to_text(table),
            "  name    n  note\n"
            "  a     100\n"
            "  long    2  x\n");
}

TEST(Table, QuotesCsvCellsThatNeedIt) {
  const Table table{{{"a"}, {"b"}, {"c"}}, {{"", "1,5", "say \"hi\""}}};
  EXPECT_EQ(to_csv(table), "a,b,c\n,\"1,5\",\"say \"\"hi\"\"\"\n");
}

TEST(Format, TimeTakesTheUnitThatReadsBest) {
  EXPECT_EQ(format_time(12.3456), "12.346 s");
  EXPECT_EQ(format_time(0.0123456), "12.35 ms");
  EXPECT_EQ(format_time(4.5e-6), "4.50 us");
  EXPECT_EQ(format_time(0), "0.000 s");
  EXPECT_EQ(format_time(std::numeric_limits<double>::quiet_NaN()), "-");
}

TEST(Format, BytesAndFractions) {
  EXPECT_EQ(format_bytes(1.5 * 1073741824), "1.50 GiB");
  EXPECT_EQ(format_bytes(2.5 * 1048576), "2.50 MiB");
  EXPECT_EQ(format_gib(1.5 * 1073741824), "1.50");
  EXPECT_EQ(format_percent(0.12345), "12.3");
  EXPECT_EQ(format_signed_percent(0.12345), "+12.3");
  EXPECT_EQ(format_signed_percent(-0.05), "-5.0");
}

}  // namespace
}  // namespace paraplan
