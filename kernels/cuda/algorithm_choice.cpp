#include "kernels/cuda/algorithm_choice.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace paraplan {
namespace {

constexpr double kNear = 1.25;      // slower than this times the best: not looked at again
constexpr double kClear = 1.01;     // a later candidate has to win by more than noise
constexpr int kRounds = 3;          // odd, for the median
constexpr double kRoundS = 200e-6;  // long beside the resolution of the device's clock, half a microsecond
constexpr int kMostRepeats = 20;

struct Finalist {
  size_t candidate = 0;
  std::vector<double> times;

  double median() const {
    std::vector<double> sorted = times;
    std::sort(sorted.begin(), sorted.end());
    return sorted[sorted.size() / 2];
  }
};

std::vector<Finalist> near_the_best(size_t count, const CandidateTimer& seconds) {
  std::vector<Finalist> all;
  double best = INFINITY;
  for (size_t i = 0; i < count; ++i) {
    const std::optional<double> time = seconds(i, 1);
    if (!time) continue;
    all.push_back({i, {*time}});
    best = std::min(best, *time);
  }
  std::erase_if(all, [&](const Finalist& f) { return f.times.front() > kNear * best; });
  return all;
}

int repeats_of(double time_s) {
  if (time_s * kMostRepeats <= kRoundS) return kMostRepeats;
  return std::max(1, static_cast<int>(std::ceil(kRoundS / time_s)));
}

// Replaces the first look by rounds of longer ones; a candidate that fails now is out.
void time_in_rounds(std::vector<Finalist>& finalists, const CandidateTimer& seconds) {
  const int repeats = repeats_of(finalists.front().times.front());
  for (Finalist& f : finalists) f.times.clear();
  for (int round = 0; round < kRounds; ++round)
    std::erase_if(finalists, [&](Finalist& f) {
      const std::optional<double> time = seconds(f.candidate, repeats);
      if (time) f.times.push_back(*time);
      return !time;
    });
}

}  // namespace

std::optional<size_t> choose_fastest(size_t count, const CandidateTimer& seconds) {
  std::vector<Finalist> finalists = near_the_best(count, seconds);
  if (finalists.size() > 1) time_in_rounds(finalists, seconds);
  if (finalists.empty()) return std::nullopt;
  double best = INFINITY;
  for (const Finalist& f : finalists) best = std::min(best, f.median());
  return std::find_if(finalists.begin(), finalists.end(),
                      [&](const Finalist& f) { return f.median() <= kClear * best; })
      ->candidate;
}

}  // namespace paraplan
