#include "planner/validate/outliers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

namespace paraplan {
namespace {

using Indices = std::vector<size_t>;

// Where no fit changes anything.
std::vector<Deviation> group(const std::vector<double>& factors, size_t number = 0) {
  std::vector<Deviation> deviations;
  for (const double factor : factors) deviations.push_back({number, std::log(factor), std::log(factor)});
  return deviations;
}

// Before the fit and, for fits to the others, after.
std::vector<Deviation> group(const std::vector<std::pair<double, double>>& factors) {
  std::vector<Deviation> deviations;
  for (const auto& [before, unseen] : factors) deviations.push_back({0, std::log(before), std::log(unseen)});
  return deviations;
}

TEST(Outliers, OneRowTenTimesTooSlow) {
  EXPECT_EQ(worst_outliers(group({1.05, 0.98, 0.1, 1.02, 0.9})), Indices{2});
  EXPECT_EQ(worst_outliers(group({1, 0.1, 1})), Indices{1});
}

TEST(Outliers, OrdinaryErrorsAreNone) {
  EXPECT_TRUE(worst_outliers(group({1.05, 0.98, 0.6, 1.4, 0.9})).empty());
  EXPECT_TRUE(worst_outliers(group({0.2, 0.4, 1, 2, 5})).empty()) << "far apart, but so are all";
  EXPECT_TRUE(worst_outliers({}).empty());
}

TEST(Outliers, AProfileThatIsOffAltogetherHasNone) {
  EXPECT_TRUE(worst_outliers(group({0.1, 0.11, 0.09, 0.1})).empty());
  EXPECT_EQ(worst_outliers(group({0.1, 0.11, 0.09, 1})), Indices{3});
}

TEST(Outliers, TheWorstFirst) {
  EXPECT_EQ(worst_outliers(group({1, 1, 1, 1, 0.4, 1, 1, 0.001})), Indices{7});
  EXPECT_EQ(worst_outliers(group({1, 1, 1, 1, 0.4, 1, 1, 1})), Indices{4});
}

TEST(Outliers, RowsOfTwoKindsAreNotMistakes) {
  EXPECT_TRUE(worst_outliers(group({1, 1, 1, 1, 1, 0.1, 0.1, 0.1})).empty());
}

TEST(Outliers, WhatTheOthersExplainIsNoMistake) {
  EXPECT_TRUE(worst_outliers(group({{1, 1}, {1, 1}, {1, 1}, {0.1, 0.9}})).empty());
}

// A mistake that the fit follows: rows beside it look as bad after the fit, but not before.
TEST(Outliers, AMistakeDoesNotHideBehindWhatItSpoils) {
  EXPECT_EQ(worst_outliers(group({{0.1, 0.1}, {1, 8}, {1.1, 9}})), Indices{0});
  EXPECT_EQ(worst_outliers(group({{1, 1}, {1, 1}, {0.1, 0.2}, {1, 1}, {0.9, 20}})), Indices{2});
}

TEST(Outliers, FewRowsAreHeldToTheirPredictions) {
  EXPECT_EQ(worst_outliers(group({1, 0.1})), Indices{1});
  EXPECT_EQ(worst_outliers(group(std::vector<double>{0.1})), Indices{0});
  EXPECT_TRUE(worst_outliers(group(std::vector<double>{0.4})).empty());
}

TEST(Outliers, GroupsHaveTheirOwnSpread) {
  std::vector<Deviation> deviations = group({1, 1, 1, 1});
  for (const Deviation& d : group({0.3, 0.31, 0.29, 0.3}, 1)) deviations.push_back(d);
  EXPECT_TRUE(worst_outliers(deviations).empty());
  deviations[1].before = deviations[1].unseen = std::log(0.3);
  EXPECT_EQ(worst_outliers(deviations), Indices{1});
}

}  // namespace
}  // namespace paraplan
