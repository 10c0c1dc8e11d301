#include "planner/validate/ranking.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace paraplan {
namespace {

using Rows = std::vector<RankedPair>;

TEST(KendallTau, IsOneForTheSameOrderAndMinusOneForTheReverse) {
  EXPECT_DOUBLE_EQ(kendall_tau(Rows{{1, 10}, {2, 20}, {3, 30}}), 1);
  EXPECT_DOUBLE_EQ(kendall_tau(Rows{{1, 30}, {2, 20}, {3, 10}}), -1);
}

// Four rows, six pairs; only (2, 3) is the wrong way round: (5 - 1) / 6.
TEST(KendallTau, CountsDiscordantPairs) {
  EXPECT_DOUBLE_EQ(kendall_tau(Rows{{1, 1}, {2, 3}, {3, 2}, {4, 4}}), 4.0 / 6);
}

// Two rows measured equal: five of six pairs are distinct in the measurement, all six in the prediction; the
// five are concordant, so tau-b = 5 / sqrt(5 * 6).
TEST(KendallTau, CorrectsForTiedMeasurements) {
  EXPECT_DOUBLE_EQ(kendall_tau(Rows{{1, 1}, {2, 2}, {2, 3}, {4, 4}}), 5 / std::sqrt(30));
}

TEST(KendallTau, IsUndefinedWithoutTwoDistinctValues) {
  EXPECT_TRUE(std::isnan(kendall_tau(Rows{{1, 1}})));
  EXPECT_TRUE(std::isnan(kendall_tau(Rows{{1, 1}, {1, 2}})));
  EXPECT_TRUE(std::isnan(kendall_tau(Rows{{1, 2}, {3, 2}})));
}

// The second row is predicted fastest and takes 1.2 times what the fastest took. Of three pairs, (1.0, 1.04)
// differ by less than 5 %; (1.0, 1.2) are ordered wrongly, (1.04, 1.2) wrongly as well.
TEST(RankingQuality, RegretIsWhatTheChosenRowCosts) {
  const RankingQuality quality = ranking_quality(Rows{{1.0, 8}, {1.2, 7}, {1.04, 9}});
  EXPECT_FALSE(quality.fastest_found);
  EXPECT_NEAR(quality.regret, 0.2, 1e-12);
  EXPECT_EQ(quality.pairs, 3);
  EXPECT_EQ(quality.pairs_over_5_percent, 2);
  EXPECT_EQ(quality.concordant_over_5_percent, 0);
  EXPECT_DOUBLE_EQ(quality.kendall_tau, (1.0 - 2.0) / 3);
}

TEST(RankingQuality, AnyOfTheRowsMeasuredFastestWillDo) {
  const RankingQuality quality = ranking_quality(Rows{{2, 5}, {2, 4}, {3, 6}});
  EXPECT_TRUE(quality.fastest_found);
  EXPECT_DOUBLE_EQ(quality.regret, 0);
}

TEST(RankingQuality, ARowPredictedNotToRunIsPredictedSlowest) {
  const double never = std::numeric_limits<double>::infinity();
  const RankingQuality quality = ranking_quality(Rows{{1, never}, {2, 3}});
  EXPECT_FALSE(quality.fastest_found);
  EXPECT_DOUBLE_EQ(quality.regret, 1);
  EXPECT_DOUBLE_EQ(quality.kendall_tau, -1);
}

}  // namespace
}  // namespace paraplan
