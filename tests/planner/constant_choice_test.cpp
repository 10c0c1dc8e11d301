#include "planner/calibrate/constant_choice.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace paraplan {
namespace {

FitTarget constant(const std::string& key, Provenance provenance = Provenance::assumed) {
  FitTarget target;
  target.key = key;
  target.profiles = {"p"};
  target.range = {0, 100, false};
  target.start = 1;
  target.provenance = provenance;
  return target;
}

// So many rows hold each of the constants.
std::vector<size_t> rows(size_t each, size_t constants) {
  return std::vector<size_t>(constants, each);
}

std::string reason(const ConstantChoice& choice, const std::string& key) {
  const auto found =
      std::ranges::find(choice.unfitted, key, [](const UnfittedConstant& c) { return c.target.key; });
  return found == choice.unfitted.end() ? "fitted" : found->reason;
}

TEST(ConstantChoice, SaysWhyNot) {
  const std::vector<FitTarget> targets = {constant("large"), constant("none"), constant("small"),
                                          constant("twin"), constant("lone")};
  const ConstantEffects effects = {{9, 5, 1, 0, 0, 4},
                                   {0, 0, 0, 0, 0, 0},
                                   {0.1, 0.2, 0.1, 0, 0, 0.8},
                                   {4.5, 2.6, 0.4, 0, 0, 2},
                                   {0, 0, 0, 8, 0, 0}};
  const ConstantChoice choice = select_constants(targets, effects, rows(6, 5));
  ASSERT_EQ(choice.chosen.size(), 1U);
  EXPECT_EQ(choice.chosen[0].key, "large");
  EXPECT_EQ(reason(choice, "none"), "no effect on these rows");
  EXPECT_EQ(reason(choice, "small"), "too small an effect on these rows");
  EXPECT_EQ(reason(choice, "twin"), "cannot be told from software.p:large");
  EXPECT_EQ(reason(choice, "lone"), "only one row depends on it");
}

TEST(ConstantChoice, GuessesBeforeWhatOthersDerived) {
  const ConstantEffects effects = {{9, 5, 1}, {8, 4.5, 1}};
  const ConstantChoice choice =
      select_constants({constant("derived", Provenance::inferred), constant("guess")}, effects, rows(3, 2));
  EXPECT_EQ(choice.chosen[0].key, "guess");
  EXPECT_EQ(reason(choice, "derived"), "cannot be told from software.p:guess");
}

TEST(ConstantChoice, NoMoreThanTheRowsAllow) {
  const std::vector<FitTarget> targets = {constant("a"), constant("b"), constant("c")};
  const ConstantEffects effects = {{4, 4, 0, 0, 0, 0}, {0, 0, 6, 6, 0, 0}, {0, 0, 0, 0, 5, 5}};
  EXPECT_EQ(select_constants(targets, effects, rows(9, 3)).chosen.size(), 3U);
  const ConstantChoice two = select_constants(targets, effects, rows(6, 3));
  EXPECT_EQ(reason(two, "a"), "more constants than 6 rows allow");
  EXPECT_EQ(two.chosen.size(), 2U);
}

TEST(ConstantChoice, EachProfileIsHeldToItsOwnRows) {
  std::vector<FitTarget> targets = {constant("a"), constant("b"), constant("c")};
  targets[0].profiles = {"other"};
  const ConstantEffects effects = {{4, 4, 0, 0, 0, 0}, {0, 0, 6, 6, 0, 0}, {0, 0, 0, 0, 5, 5}};
  const ConstantChoice choice = select_constants(targets, effects, {2, 4, 4});
  EXPECT_EQ(reason(choice, "a"), "fitted");
  EXPECT_EQ(reason(choice, "b"), "fitted");
  EXPECT_EQ(reason(choice, "c"), "more constants than 4 rows allow");
}

// A constant is told from two others together, not only from each.
TEST(ConstantChoice, SumOfOthersCannotBeTold) {
  const std::vector<FitTarget> targets = {constant("a"), constant("b"), constant("sum")};
  const ConstantEffects effects = {{9, 9, 0, 0}, {0, 0, 8, 8}, {5, 5, 4, 4}};
  EXPECT_EQ(reason(select_constants(targets, effects, rows(9, 3)), "sum").substr(0, 19),
            "cannot be told from");
}

TEST(ConstantChoice, LeavesAloneWhatIsKnown) {
  EXPECT_EQ(reason_to_leave_alone(constant("host.launch_us")), "");
  EXPECT_EQ(reason_to_leave_alone(constant("host.launch_us", Provenance::inferred)), "");
  EXPECT_EQ(reason_to_leave_alone(constant("host.launch_us", Provenance::measured)), "measured");
  EXPECT_EQ(reason_to_leave_alone(constant("host.launch_us", Provenance::datasheet)), "from a datasheet");
  EXPECT_EQ(reason_to_leave_alone(constant("state.gradient_bytes")), "counts what the framework does");
  FitTarget zero = constant("host.gather_us", Provenance::inferred);
  zero.start = 0;
  EXPECT_EQ(reason_to_leave_alone(zero), "0: there is none, as its source says");
  zero.provenance = Provenance::assumed;
  EXPECT_EQ(reason_to_leave_alone(zero), "");
  zero.absent = true;
  EXPECT_EQ(reason_to_leave_alone(zero), "not in the profile");
}

}  // namespace
}  // namespace paraplan
