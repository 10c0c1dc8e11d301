#include "kernels/cuda/algorithm_choice.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

namespace paraplan {
namespace {

// Candidates with given times; keeps what was asked. A time below zero: the candidate does not run.
struct FakeTimer {
  std::vector<double> seconds;
  std::map<size_t, int> calls = {};
  int most_repeats = 0;

  std::optional<size_t> choose() {
    return choose_fastest(seconds.size(), [this](size_t candidate, int repeats) -> std::optional<double> {
      ++calls[candidate];
      most_repeats = std::max(most_repeats, repeats);
      const double time = seconds.at(candidate);
      return time < 0 ? std::nullopt : std::optional(time);
    });
  }
};

TEST(AlgorithmChoiceTest, TakesTheFastest) {
  EXPECT_EQ((FakeTimer{{3e-3, 2e-3, 1e-3, 4e-3}}.choose()), 2u);
  EXPECT_EQ((FakeTimer{{1.00e-3, 0.98e-3, 0.95e-3}}.choose()), 2u);
}

TEST(AlgorithmChoiceTest, PrefersEarlierCandidatesAmongEquals) {
  EXPECT_EQ((FakeTimer{{1.005e-3, 1e-3, 1.001e-3}}.choose()), 0u);
}

TEST(AlgorithmChoiceTest, PassesOverCandidatesThatDoNotRun) {
  EXPECT_EQ((FakeTimer{{-1, 2e-3, -1, 1e-3}}.choose()), 3u);
  EXPECT_EQ((FakeTimer{{-1, 2e-3}}.choose()), 1u);
  EXPECT_EQ((FakeTimer{{-1, -1}}.choose()), std::nullopt);
  EXPECT_EQ(FakeTimer{}.choose(), std::nullopt);
}

TEST(AlgorithmChoiceTest, LooksTwiceOnlyAtCandidatesNearTheBest) {
  FakeTimer timer{{1e-3, 1.1e-3, 5e-3}};
  timer.choose();
  EXPECT_GT(timer.calls[0], 1);
  EXPECT_GT(timer.calls[1], 1);
  EXPECT_EQ(timer.calls[2], 1);
}

TEST(AlgorithmChoiceTest, RepeatsShortRunsOnly) {
  FakeTimer shorter{{2e-6, 2e-6}}, longer{{1e-3, 1e-3}};
  shorter.choose(), longer.choose();
  EXPECT_GE(shorter.most_repeats, 10);
  EXPECT_EQ(longer.most_repeats, 1);
}

// One disturbed look, first or later, decides nothing.
TEST(AlgorithmChoiceTest, WithstandsADisturbedRound) {
  for (const int disturbed : {2, 3, 4}) {
    std::map<size_t, int> looks;
    const auto chosen = choose_fastest(2, [&](size_t candidate, int) -> std::optional<double> {
      const bool late = candidate == 1 && ++looks[candidate] == disturbed;
      return late ? 1.0 : (candidate == 1 ? 1.0e-3 : 1.1e-3);
    });
    EXPECT_EQ(chosen, 1u) << "disturbed look " << disturbed;
  }
}

TEST(AlgorithmChoiceTest, DropsACandidateThatFailsLater) {
  int looks = 0;
  const auto chosen = choose_fastest(2, [&](size_t candidate, int) -> std::optional<double> {
    if (candidate == 0) return 1.1e-3;
    return ++looks == 2 ? std::nullopt : std::optional(1e-3);
  });
  EXPECT_EQ(chosen, 0u);
  int calls = 0;
  const auto none = choose_fastest(2, [&](size_t, int) -> std::optional<double> {
    return ++calls > 2 ? std::nullopt : std::optional(1e-3);
  });
  EXPECT_EQ(none, std::nullopt);
}

}  // namespace
}  // namespace paraplan
