#include "executor/bench/measurement.h"

#include <algorithm>
#include <cmath>

namespace paraplan {

Measurement summarize(std::vector<double> seconds) {
  if (seconds.empty()) return {};
  std::ranges::sort(seconds);
  const auto at = [&](double fraction) {
    const double place = fraction * static_cast<double>(seconds.size() - 1);
    const auto below = static_cast<size_t>(place);
    const size_t above = std::min(below + 1, seconds.size() - 1);
    const double share = place - static_cast<double>(below);
    return seconds[below] * (1 - share) + seconds[above] * share;
  };
  const double median = at(0.5);
  return {median, median > 0 ? (at(0.75) - at(0.25)) / median : 0};
}

bool StopRule::go_on(double seconds, double spent_s) {
  seconds_.push_back(seconds);
  spent_s_ += spent_s;
  const auto count = static_cast<int>(seconds_.size());
  if (count < kFewest) return true;
  if (count >= kMost || spent_s_ >= budget_s_) return false;
  return summarize(seconds_).noise / std::sqrt(static_cast<double>(count)) > kGoalNoise;
}

}  // namespace paraplan
