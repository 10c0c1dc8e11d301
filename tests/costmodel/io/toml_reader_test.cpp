#include "costmodel/io/text/toml_reader.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/costmodel/io/temporary_folder.h"

namespace paraplan {
namespace {

constexpr IntegerRange kSmall{1, 9};

class TomlReaderTest : public testing::Test {
 protected:
  TomlReader reader_of(const std::string& text) { return TomlReader(folder_.write("a.toml", text)); }

  // Error of a file of which the keys "top", "list" and "table.a", "table.b" are known.
  std::string unknown_in(const std::string& text) {
    return folder_.error_of([&] {
      TomlReader reader = reader_of(text);
      reader.find_integer("top", kSmall);
      reader.integers("list", kSmall);
      reader.find_integer("table.alpha", kSmall);
      reader.find_integer("table.beta", kSmall);
      reader.finish();
    });
  }

  TemporaryFolder folder_;
};

TEST_F(TomlReaderTest, ReadsEveryKindOfValue) {
  TomlReader reader = reader_of(
      "text = \"t\"\ninteger = 7\nnumber = 2.5\nwhole = 3\nflag = true\nlist = [1, 2]\nwords = [\"full\"]\n"
      "flags = [true, false]\n[in]\nword = \"1f1b\"\n");
  EXPECT_EQ(reader.text("text"), "t");
  EXPECT_EQ(reader.integer("integer", kSmall), 7);
  EXPECT_EQ(reader.number("number", {0, 9, false}), 2.5);
  EXPECT_EQ(reader.number("whole", {0, 9, false}), 3.0);
  EXPECT_EQ(reader.find_flag("flag"), true);
  EXPECT_EQ(reader.integers("list", kSmall), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(reader.words<Recompute>("words"), (std::vector<Recompute>{Recompute::full}));
  EXPECT_EQ(reader.flags("flags"), (std::vector<bool>{true, false}));
  EXPECT_EQ(reader.word<PipelineSchedule>("in.word"), PipelineSchedule::one_f_one_b);
  EXPECT_EQ(reader.find_number("in.none", {0, 9, false}), std::nullopt);
  EXPECT_NO_THROW(reader.finish());
}

TEST_F(TomlReaderTest, RangeEndsAreInOrOutAsSaid) {
  const Range fraction{0, 1, true};
  EXPECT_FALSE(fraction.contains(0));
  EXPECT_TRUE(fraction.contains(1));
  EXPECT_FALSE(fraction.contains(NAN));
  EXPECT_FALSE(fraction.contains(INFINITY));
  EXPECT_EQ(to_string(fraction), "a number above 0, at most 1");
  EXPECT_TRUE((Range{1, 2, false}.contains(1)));
}

TEST_F(TomlReaderTest, RefusesListsThatAreNoLists) {
  const auto error = [&](const std::string& value) {
    return folder_.error_of([&] { reader_of("\nlist = " + value).integers("list", kSmall); });
  };
  const std::string expected =
      "a.toml:2: list: must be a list of at least one value, like [8]; leave the key out for all";
  EXPECT_EQ(error("8"), expected);
  EXPECT_EQ(error("[]"), expected);
  EXPECT_EQ(error("[1, 2.0]"), "a.toml:2: list: each item must be like 8, one is a number with a fraction");
  EXPECT_EQ(error("[1, \"2\"]"), "a.toml:2: list: each item must be like 8, one is a string");
  EXPECT_EQ(error("[1, 2, 1]"), "a.toml:2: list: names 1 twice");
  EXPECT_EQ(error("[1, 10]"), "a.toml:2: list: each item must be an integer from 1 to 9, one is 10");
}

TEST_F(TomlReaderTest, FinishRefusesUnknownKeys) {
  EXPECT_EQ(unknown_in("topp = 1"), "a.toml:1: topp: unknown key; did you mean \"top\"?");
  EXPECT_EQ(unknown_in("[table]\nalpha = 1\nbetta = 2"),
            "a.toml:3: table.betta: unknown key; did you mean \"beta\"?");
  EXPECT_EQ(unknown_in("alpha = 1"), "a.toml:1: alpha: unknown key; it belongs to table.alpha");
  EXPECT_EQ(unknown_in("[tables]\nx = 1"), "a.toml:1: tables: unknown key; did you mean \"table\"?");
  EXPECT_EQ(unknown_in("else = 1"), "a.toml:1: else: unknown key; known here: list, table, top");
  EXPECT_EQ(unknown_in("table = 5"), "a.toml:1: table: must be a table, is an integer");
  EXPECT_EQ(unknown_in("[[table]]\nalpha = 1"), "a.toml:1: table: must be a table, is a list");
}

TEST_F(TomlReaderTest, AQuotedKeyWithADotIsNoPath) {
  EXPECT_EQ(unknown_in("\"table.alpha\" = 1"),
            "a.toml:1: table.alpha: unknown key; it belongs to table.alpha");
}

TEST_F(TomlReaderTest, FinishReportsTheFirstUnknownLine) {
  EXPECT_EQ(unknown_in("zz = 1\n[table]\nalpha = 1\nzzz = 2\nyyy = 1").substr(0, 11), "a.toml:1: z");
}

TEST_F(TomlReaderTest, MissingKeysStandAtTheirTable) {
  const auto error = folder_.error_of([&] {
    TomlReader reader = reader_of("a = 1\n\n[table]\nb = 1");
    reader.find_integer("a", kSmall);
    reader.find_integer("table.b", kSmall);
    reader.integer("table.c", kSmall);
    reader.finish();
  });
  EXPECT_EQ(error, "a.toml:3: table.c: missing; must be an integer from 1 to 9");
}

TEST_F(TomlReaderTest, ReadsListsOfTables) {
  TomlReader reader = reader_of(
      "empty = []\nrow = [{ a = 1 }, { a = 2 }]\n[[part]]\nb = 3\n[part.in]\nc = 4\n[[part]]\nb = nan\n");
  EXPECT_EQ(reader.tables("none"), 0U);
  EXPECT_EQ(reader.tables("empty"), 0U);
  EXPECT_EQ(reader.tables("row"), 2U);
  EXPECT_EQ(reader.integer("row.0.a", kSmall), 1);
  EXPECT_EQ(reader.integer("row.1.a", kSmall), 2);
  EXPECT_EQ(reader.tables("part"), 2U);
  EXPECT_EQ(reader.any_number("part.0.b"), 3);
  EXPECT_EQ(reader.integer("part.0.in.c", kSmall), 4);
  EXPECT_TRUE(std::isnan(reader.any_number("part.1.b")));
  EXPECT_NO_THROW(reader.finish());
}

TEST_F(TomlReaderTest, RefusesListsThatHoldOtherThings) {
  const auto error_in = [&](const std::string& text) {
    return folder_.error_of([&] {
      TomlReader reader = reader_of(text);
      const size_t rows = reader.tables("row");
      for (size_t i = 0; i < rows; ++i) reader.integer("row." + std::to_string(i) + ".a", kSmall);
      reader.finish();
    });
  };
  EXPECT_EQ(error_in("row = 1\n"), "a.toml:1: row: must be a list of tables, is an integer");
  EXPECT_EQ(error_in("row = [{ a = 1 }, 2]\n"),
            "a.toml:1: row: must be a list of tables, an item is an integer");
  EXPECT_EQ(error_in("[row]\na = 1\n"), "a.toml:1: row: must be a list of tables, is a table");
  EXPECT_EQ(error_in("[[row]]\na = 1\n[[row]]\na = 0\n"),
            "a.toml:4: row.1.a: must be an integer from 1 to 9, is 0");
  EXPECT_EQ(error_in("[[row]]\na = 1\n[[row]]\n"),
            "a.toml:3: row.1.a: missing; must be an integer from 1 to 9");
  EXPECT_EQ(error_in("[[row]]\na = 1\nab = 1\n").substr(0, 35), "a.toml:3: row.0.ab: unknown key; di");
}

}  // namespace
}  // namespace paraplan
