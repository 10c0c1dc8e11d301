#pragma once

#include <cstdint>
#include <span>

namespace paraplan {

// One measured configuration in a group of comparable ones. Predicted may be infinite: predicted not to run.
struct RankedPair {
  double measured = 0;
  double predicted = 0;
};

// How well the predictions order the measurements of one group; less is better in both.
struct RankingQuality {
  bool fastest_found = false;  // the row predicted best is measured best
  double regret = 0;           // measured value of the row predicted best over the best measured one, minus 1
  double kendall_tau = 0;      // tau-b; NaN when either side is all ties
  int64_t pairs = 0;
  int64_t pairs_over_5_percent = 0;       // whose measurements differ by more than 5 %
  int64_t concordant_over_5_percent = 0;  // of these, ordered alike by the predictions
};

// Kendall's tau-b, which corrects for ties on either side (Kendall 1945). NaN for fewer than two rows, or
// when one side holds a single value.
double kendall_tau(std::span<const RankedPair> rows);

// `rows` holds at least one row. Of rows predicted equally good the first counts as chosen.
RankingQuality ranking_quality(std::span<const RankedPair> rows);

}  // namespace paraplan
