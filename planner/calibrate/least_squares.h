#pragma once

#include <functional>
#include <limits>
#include <optional>
#include <vector>

namespace paraplan {

// Minimise over x within [lower, upper]
//   sum_i weight_i rho(r_i(x)) + sum_j ((x_j - prior_j) / prior_sigma_j)^2,
// where rho(r) = r^2 up to |r| = huber and 2 huber |r| - huber^2 beyond (Huber 1964).
struct LeastSquaresProblem {
  // Residuals at x, always equally many. With `unknown`, those that do not depend on it may be left at 0.
  // Called from several threads at once.
  std::function<std::vector<double>(const std::vector<double>& x, std::optional<size_t> unknown)> residuals;
  std::vector<double> weights;                             // one per residual; empty: all 1
  std::vector<double> lower, upper;                        // one per unknown
  std::vector<double> prior, prior_sigma;                  // one per unknown; sigma infinite: no prior
  double huber = std::numeric_limits<double>::infinity();  // in units of the residuals
};

struct LeastSquaresOptions {
  int max_iterations = 100;
  double difference = 1e-4;  // step of the numerical derivatives
  double max_step = 1.5;     // largest change of an unknown in one iteration
  double tolerance = 1e-9;   // stop when an iteration lowers the sum by less than this fraction
  int threads = 1;           // for the columns of the derivatives
};

// Residuals and derivatives at a point.
struct Linearisation {
  std::vector<double> residuals;
  std::vector<std::vector<double>> columns;  // per unknown: derivative of every residual
};

struct LeastSquaresResult {
  std::vector<double> x;
  double cost = 0;
  int iterations = 0;
  bool converged = false;
  Linearisation at_x;
  // Standard error of each unknown from the residuals alone, without the prior: the square root of the
  // diagonal of s^2 (J^T W J)^-1 with s^2 = sum_i w_i r_i^2 / (n - unknowns). Infinite for an unknown that
  // the residuals do not determine, alone or together with others.
  std::vector<double> standard_error;
};

// Levenberg-Marquardt with numerical derivatives; unknowns at a bound that the gradient presses against stay
// there. The result is never worse than `start`, which must lie within the bounds and have finite residuals.
// `known`, where given, saves the evaluation of the start.
LeastSquaresResult least_squares(const LeastSquaresProblem& problem, const std::vector<double>& start,
                                 const LeastSquaresOptions& options = {},
                                 const Linearisation* known = nullptr);

// How far each residual determines itself at `result`, 0 to 1: the diagonal of J (J^T W J + P)^-1 J^T W, with
// Huber's weights in W and the prior in P. r / (1 - leverage) is, to first order, the residual after a fit
// without it.
std::vector<double> leverages(const LeastSquaresProblem& problem, const LeastSquaresResult& result);

// Calls work(i) for each i below `count`, on `threads` threads. An exception of any call is thrown again.
void parallel_for(int count, int threads, const std::function<void(int)>& work);

}  // namespace paraplan
