#include "planner/calibrate/least_squares.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace paraplan {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Without bounds and prior.
LeastSquaresProblem free_problem(size_t unknowns,
                                 std::function<std::vector<double>(const std::vector<double>&)> residuals) {
  LeastSquaresProblem problem;
  problem.residuals = [f = std::move(residuals)](const std::vector<double>& x, std::optional<size_t>) {
    return f(x);
  };
  problem.lower.assign(unknowns, -kInfinity);
  problem.upper.assign(unknowns, kInfinity);
  problem.prior.assign(unknowns, 0);
  problem.prior_sigma.assign(unknowns, kInfinity);
  return problem;
}

// The line x0 + x1 t through (-1, 0), (0, 1), (1, 5). By hand: x0 = mean = 2, x1 = (5 - 0) / 2 = 2.5.
LeastSquaresProblem line_problem() {
  return free_problem(2, [](const std::vector<double>& x) {
    return std::vector<double>{x[0] - x[1] - 0, x[0] - 1, x[0] + x[1] - 5};
  });
}

TEST(LeastSquares, LineAndItsStandardErrors) {
  const LeastSquaresResult result = least_squares(line_problem(), {0, 0});
  EXPECT_TRUE(result.converged);
  EXPECT_NEAR(result.x[0], 2, 1e-6);
  EXPECT_NEAR(result.x[1], 2.5, 1e-6);
  // Residuals -1/2, 1, -1/2: their squares sum to 3/2, with one degree of freedom. J^T J = diag(3, 2).
  EXPECT_NEAR(result.cost, 1.5, 1e-9);
  EXPECT_NEAR(result.standard_error[0], std::sqrt(1.5 / 3), 1e-6);
  EXPECT_NEAR(result.standard_error[1], std::sqrt(1.5 / 2), 1e-6);
}

TEST(LeastSquares, ZeroWeightLeavesOut) {
  LeastSquaresProblem problem = line_problem();
  const LeastSquaresResult full = least_squares(problem, {0, 0});
  problem.weights = {1, 1, 0};
  const LeastSquaresResult result = least_squares(problem, full.x, {}, &full.at_x);
  // Through (-1, 0) and (0, 1): at t = 1 it predicts 2.
  EXPECT_NEAR(result.x[0] + result.x[1], 2, 1e-6);
  EXPECT_TRUE(std::isinf(result.standard_error[0])) << "two points leave no residual to judge by";
}

TEST(LeastSquares, StaysWithinBounds) {
  LeastSquaresProblem problem = line_problem();
  problem.upper[1] = 2;
  const LeastSquaresResult result = least_squares(problem, {0, 0});
  EXPECT_EQ(result.x[1], 2);
  EXPECT_NEAR(result.x[0], 2, 1e-6);
}

TEST(LeastSquares, LeavesABoundThatTheGradientPointsAwayFrom) {
  LeastSquaresProblem problem = line_problem();
  problem.lower[1] = 0;
  const LeastSquaresResult result = least_squares(problem, {0, 0});
  EXPECT_NEAR(result.x[1], 2.5, 1e-6);
}

TEST(LeastSquares, PriorWeighsAgainstData) {
  LeastSquaresProblem problem = free_problem(1, [](const auto& x) { return std::vector<double>{x[0] - 1}; });
  problem.prior_sigma = {0.5};
  // (x - 1)^2 + 4 x^2 is least at 1/5.
  EXPECT_NEAR(least_squares(problem, {0.9}).x[0], 0.2, 1e-6);
}

TEST(LeastSquares, HuberLimitsAnOutlier) {
  LeastSquaresProblem problem = free_problem(1, [](const auto& x) {
    return std::vector<double>{x[0], x[0], x[0], x[0], x[0] - 10};
  });
  EXPECT_NEAR(least_squares(problem, {1}).x[0], 2, 1e-6);
  problem.huber = 1;
  // 4 x^2 + 2 (10 - x) - 1 is least at 1/4.
  EXPECT_NEAR(least_squares(problem, {1}).x[0], 0.25, 1e-5);
}

TEST(LeastSquares, CurvedValley) {
  const LeastSquaresProblem rosenbrock = free_problem(2, [](const auto& x) {
    return std::vector<double>{10 * (x[1] - x[0] * x[0]), 1 - x[0]};
  });
  const LeastSquaresResult result = least_squares(rosenbrock, {-1.2, 1}, {.max_iterations = 500});
  EXPECT_NEAR(result.x[0], 1, 1e-4);
  EXPECT_NEAR(result.x[1], 1, 1e-4);
}

TEST(LeastSquares, NeverWorseThanTheStart) {
  // The derivative promises a descent that no step keeps.
  const LeastSquaresProblem deceiving = free_problem(1, [](const auto& x) {
    const double distance = std::abs(x[0]);
    return std::vector<double>{distance < 0.01 ? 1 - x[0] : std::nan("")};
  });
  const LeastSquaresResult result = least_squares(deceiving, {0});
  EXPECT_LE(result.cost, 1);
  EXPECT_TRUE(std::isfinite(result.cost));
}

TEST(LeastSquares, UnknownsThatOnlyTheirSumDeterminesHaveNoStandardError) {
  LeastSquaresProblem problem = free_problem(4, [](const std::vector<double>& x) {
    const double sum = x[0] + x[1];
    return std::vector<double>{sum - 1, sum - 1.2, sum - 0.9, sum - 1, x[2] - 3, x[2] - 3.1};
  });
  const LeastSquaresResult result = least_squares(problem, {0, 0, 0, 7});
  EXPECT_TRUE(std::isinf(result.standard_error[0]));
  EXPECT_TRUE(std::isinf(result.standard_error[1]));
  EXPECT_TRUE(std::isfinite(result.standard_error[2]));
  EXPECT_TRUE(std::isinf(result.standard_error[3])) << "no residual depends on it";
  EXPECT_EQ(result.x[3], 7);
}

// By hand: a point of the line pulls with 1/3 (the mean) and, at t = -1 and 1, 1/2 more (the slope). The
// residual of a line through the two others is r / (1 - leverage): at t = 1 that is (-1/2) / (1/6) = -3.
TEST(LeastSquares, LeveragesTellResidualsOfFitsWithoutARow) {
  const LeastSquaresProblem problem = line_problem();
  const LeastSquaresResult result = least_squares(problem, {0, 0});
  const std::vector<double> leverage = leverages(problem, result);
  EXPECT_NEAR(leverage[1], 1.0 / 3, 1e-6);
  EXPECT_NEAR(leverage[2], 5.0 / 6, 1e-6);
  EXPECT_NEAR(result.at_x.residuals[2] / (1 - leverage[2]), 2 - 5, 1e-5);
}

TEST(LeastSquares, NothingToFit) {
  const LeastSquaresProblem problem = free_problem(0, [](const auto&) { return std::vector<double>{2, 1}; });
  const LeastSquaresResult result = least_squares(problem, {});
  EXPECT_TRUE(result.converged);
  EXPECT_EQ(result.cost, 5);
  EXPECT_EQ(leverages(problem, result), (std::vector<double>{0, 0}));
}

TEST(LeastSquares, ThreadsDoNotChangeTheResult) {
  EXPECT_EQ(least_squares(line_problem(), {0, 0}, {.threads = 3}).x, least_squares(line_problem(), {0, 0}).x);
}

TEST(ParallelFor, CallsEachOnceAndPassesExceptionsOn) {
  std::vector<std::atomic<int>> calls(100);
  parallel_for(100, 4, [&](int i) { ++calls[static_cast<size_t>(i)]; });
  for (const std::atomic<int>& count : calls) EXPECT_EQ(count, 1);
  const auto failing = [](int i) {
    if (i == 7) throw std::runtime_error("seven");
  };
  EXPECT_THROW(parallel_for(10, 2, failing), std::runtime_error);
}

}  // namespace
}  // namespace paraplan
