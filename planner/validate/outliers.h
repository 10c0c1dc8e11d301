#pragma once

#include <cstddef>
#include <vector>

namespace paraplan {

// How far an observation is from its predictions, as log(predicted / measured).
struct Deviation {
  size_t group = 0;   // observations of one group have one spread
  double before = 0;  // from the prediction before any fit
  double unseen = 0;  // from that of a fit to the other observations
};

// Indices of deviations that are no usual errors, but mistakes; of each group only the worst one, because it
// may make others look bad. Usual is what lies within a factor of 2, or five times the group's spread (its
// median absolute deviation), of the group's median, and in groups of less than three within a factor of 5 of
// the prediction. A mistake is unusual for a fit that did not see it; or before the fit, if such a fit does
// not explain it. A group of which more than a quarter look as bad as its worst has none: it is of two kinds.
std::vector<size_t> worst_outliers(const std::vector<Deviation>& deviations);

}  // namespace paraplan
