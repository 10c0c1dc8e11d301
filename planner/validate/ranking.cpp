#include "planner/validate/ranking.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace paraplan {
namespace {

constexpr double kClearDifference = 1.05;

int sign(double a, double b) {
  return (a > b) - (a < b);
}

template <class Visit>
void for_each_pair(std::span<const RankedPair> rows, Visit visit) {
  for (size_t i = 0; i < rows.size(); ++i) {
    for (size_t j = i + 1; j < rows.size(); ++j) visit(rows[i], rows[j]);
  }
}

}  // namespace

double kendall_tau(std::span<const RankedPair> rows) {
  int64_t balance = 0;             // concordant minus discordant pairs
  int64_t measured_distinct = 0;   // pairs not tied in the measurement
  int64_t predicted_distinct = 0;  // pairs not tied in the prediction
  for_each_pair(rows, [&](const RankedPair& a, const RankedPair& b) {
    const int measured = sign(a.measured, b.measured), predicted = sign(a.predicted, b.predicted);
    balance += measured * predicted;
    measured_distinct += measured != 0;
    predicted_distinct += predicted != 0;
  });
  if (measured_distinct == 0 || predicted_distinct == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(balance) /
         std::sqrt(static_cast<double>(measured_distinct) * static_cast<double>(predicted_distinct));
}

RankingQuality ranking_quality(std::span<const RankedPair> rows) {
  const auto chosen = std::ranges::min_element(rows, {}, &RankedPair::predicted);
  const auto best = std::ranges::min_element(rows, {}, &RankedPair::measured);
  RankingQuality quality;
  quality.fastest_found = chosen->measured == best->measured;
  quality.regret = chosen->measured / best->measured - 1;
  quality.kendall_tau = kendall_tau(rows);
  for_each_pair(rows, [&](const RankedPair& a, const RankedPair& b) {
    ++quality.pairs;
    const auto [fast, slow] = std::minmax(a.measured, b.measured);
    if (slow <= fast * kClearDifference) return;
    ++quality.pairs_over_5_percent;
    quality.concordant_over_5_percent += sign(a.measured, b.measured) == sign(a.predicted, b.predicted);
  });
  return quality;
}

}  // namespace paraplan
