#pragma once

#include <vector>

namespace paraplan {

// What repeated timings say.
struct Measurement {
  double seconds = 0;  // median
  double noise = 0;    // (third - first quartile) / median
};
Measurement summarize(std::vector<double> seconds);

// When to stop repeating: at least kFewest times; then as soon as the median's uncertainty is small (noise /
// sqrt(repeats) below kGoalNoise), or the time is spent.
class StopRule {
 public:
  static constexpr int kFewest = 5, kMost = 1000;
  static constexpr double kGoalNoise = 0.01;

  explicit StopRule(double budget_s) : budget_s_(budget_s) {}
  // Whether to go on after one more repeat that took `seconds`, with all around it `spent_s`.
  bool go_on(double seconds, double spent_s);
  bool go_on(double seconds) { return go_on(seconds, seconds); }

 private:
  double budget_s_, spent_s_ = 0;
  std::vector<double> seconds_;
};

}  // namespace paraplan
