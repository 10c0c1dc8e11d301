#include "planner/calibrate/least_squares.h"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <mutex>
#include <thread>

namespace paraplan {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;
using Point = std::vector<double>;

constexpr double kFirstDamping = 1e-3;
constexpr double kLargestDamping = 1e12;
constexpr double kSingular = 1e-10;  // of the scaled normal matrix: a direction that the residuals do not see

double weight(const LeastSquaresProblem& problem, size_t i) {
  return problem.weights.empty() ? 1 : problem.weights[i];
}

double rho(double residual, double huber) {
  const double size = std::abs(residual);
  return size <= huber ? size * size : 2 * huber * size - huber * huber;
}

// Not finite when a residual is not.
double cost_of(const LeastSquaresProblem& problem, const Point& x, const std::vector<double>& residuals) {
  double cost = 0;
  for (size_t i = 0; i < residuals.size(); ++i) {
    if (weight(problem, i) > 0) cost += weight(problem, i) * rho(residuals[i], problem.huber);
  }
  for (size_t j = 0; j < x.size(); ++j) {
    const double distance = (x[j] - problem.prior[j]) / problem.prior_sigma[j];
    cost += distance * distance;
  }
  return cost;
}

// Central differences; one-sided at a bound.
std::vector<double> derivative(const LeastSquaresProblem& problem, Point x, size_t unknown, double step) {
  const double centre = x[unknown];
  const double above = std::min(centre + step, problem.upper[unknown]);
  const double below = std::max(centre - step, problem.lower[unknown]);
  x[unknown] = above;
  std::vector<double> column = problem.residuals(x, unknown);
  x[unknown] = below;
  const std::vector<double> other = problem.residuals(x, unknown);
  for (size_t i = 0; i < column.size(); ++i) column[i] = (column[i] - other[i]) / (above - below);
  return column;
}

std::vector<std::vector<double>> derivatives(const LeastSquaresProblem& problem, const Point& x,
                                             const LeastSquaresOptions& options) {
  std::vector<std::vector<double>> columns(x.size());
  parallel_for(static_cast<int>(x.size()), options.threads, [&](int j) {
    const auto unknown = static_cast<size_t>(j);
    columns[unknown] = derivative(problem, x, unknown, options.difference);
  });
  return columns;
}

VectorXd slopes_of(const Linearisation& at, size_t residual) {
  VectorXd row(static_cast<Eigen::Index>(at.columns.size()));
  for (Eigen::Index j = 0; j < row.size(); ++j) row[j] = at.columns[static_cast<size_t>(j)][residual];
  return row;
}

// With Huber's loss.
double effective_weight(const LeastSquaresProblem& problem, const Linearisation& at, size_t i) {
  const double size = std::abs(at.residuals[i]);
  return weight(problem, i) * (size > problem.huber ? problem.huber / size : 1);
}

// Gradient (halved) and Gauss-Newton matrix; Huber's loss by its weights huber / |r|.
struct Normal {
  MatrixXd matrix;
  VectorXd gradient;
};

Normal normal_equations(const LeastSquaresProblem& problem, const Point& x, const Linearisation& at) {
  const auto unknowns = static_cast<Eigen::Index>(x.size());
  Normal normal{MatrixXd::Zero(unknowns, unknowns), VectorXd::Zero(unknowns)};
  for (size_t i = 0; i < at.residuals.size(); ++i) {
    if (weight(problem, i) == 0) continue;
    const double w = effective_weight(problem, at, i);
    const VectorXd row = slopes_of(at, i);
    normal.matrix += w * row * row.transpose();
    normal.gradient += w * at.residuals[i] * row;
  }
  for (Eigen::Index j = 0; j < unknowns; ++j) {
    const auto k = static_cast<size_t>(j);
    const double precision = 1 / (problem.prior_sigma[k] * problem.prior_sigma[k]);
    normal.matrix(j, j) += precision;
    normal.gradient[j] += precision * (x[k] - problem.prior[k]);
  }
  return normal;
}

bool held_by_bound(const LeastSquaresProblem& problem, double x, double gradient, size_t j) {
  return (x <= problem.lower[j] && gradient > 0) || (x >= problem.upper[j] && gradient < 0);
}

// The damped step from x, cut to the largest step and to the bounds.
Point damped_step(const LeastSquaresProblem& problem, Point x, Normal normal, double damping,
                  double max_step) {
  for (Eigen::Index j = 0; j < normal.gradient.size(); ++j) {
    const auto k = static_cast<size_t>(j);
    const double curvature = normal.matrix(j, j);
    if (curvature == 0 || held_by_bound(problem, x[k], normal.gradient[j], k)) {
      normal.matrix.row(j).setZero();
      normal.matrix.col(j).setZero();
      normal.matrix(j, j) = 1;
      normal.gradient[j] = 0;
    } else {
      normal.matrix(j, j) += damping * curvature;
    }
  }
  VectorXd step = -normal.matrix.ldlt().solve(normal.gradient);
  step *= std::min(1.0, max_step / std::max(step.cwiseAbs().maxCoeff(), max_step));
  for (size_t j = 0; j < x.size(); ++j) {
    x[j] = std::clamp(x[j] + step[static_cast<Eigen::Index>(j)], problem.lower[j], problem.upper[j]);
  }
  return x;
}

// Tries ever shorter steps from `result` until one lowers the cost; false when none does.
bool improve(const LeastSquaresProblem& problem, const LeastSquaresOptions& options, double& damping,
             LeastSquaresResult& result) {
  const Normal normal = normal_equations(problem, result.x, result.at_x);
  for (; damping < kLargestDamping; damping *= 4) {
    const Point x = damped_step(problem, result.x, normal, damping, options.max_step);
    if (x == result.x) return false;
    std::vector<double> residuals = problem.residuals(x, std::nullopt);
    const double cost = cost_of(problem, x, residuals);
    if (!(cost < result.cost)) continue;
    result.x = x;
    result.cost = cost;
    result.at_x.residuals = std::move(residuals);
    damping = std::max(damping / 10, 1e-9);
    return true;
  }
  return false;
}

// Marks what takes part in a direction that the residuals do not see; the others get their error.
std::vector<double> standard_errors(const LeastSquaresProblem& problem, const Linearisation& at) {
  const auto unknowns = static_cast<Eigen::Index>(at.columns.size());
  std::vector<double> errors(at.columns.size(), std::numeric_limits<double>::infinity());
  double sum = 0, count = 0;
  MatrixXd matrix = MatrixXd::Zero(unknowns, unknowns);
  for (size_t i = 0; i < at.residuals.size(); ++i) {
    if (weight(problem, i) == 0) continue;
    const VectorXd row = slopes_of(at, i);
    matrix += weight(problem, i) * row * row.transpose();
    sum += weight(problem, i) * at.residuals[i] * at.residuals[i];
    count += 1;
  }
  const auto degrees = count - static_cast<double>(unknowns);
  if (unknowns == 0 || degrees <= 0) return errors;
  VectorXd scale = matrix.diagonal().cwiseSqrt();
  for (double& s : scale) s = s > 0 ? s : 1;
  const MatrixXd scaled = scale.cwiseInverse().asDiagonal() * matrix * scale.cwiseInverse().asDiagonal();
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(scaled);
  for (Eigen::Index j = 0; j < unknowns; ++j) {
    double variance = 0;
    for (Eigen::Index k = 0; k < unknowns; ++k) {
      const double share = solver.eigenvectors()(j, k) * solver.eigenvectors()(j, k);
      const double eigenvalue = solver.eigenvalues()[k];
      if (eigenvalue > kSingular) variance += share / eigenvalue;
      if (eigenvalue <= kSingular && share > 1e-6) variance = std::numeric_limits<double>::infinity();
    }
    errors[static_cast<size_t>(j)] = std::sqrt(variance * sum / degrees) / scale[j];
  }
  return errors;
}

}  // namespace

LeastSquaresResult least_squares(const LeastSquaresProblem& problem, const std::vector<double>& start,
                                 const LeastSquaresOptions& options, const Linearisation* known) {
  LeastSquaresResult result;
  result.x = start;
  result.at_x.residuals = known != nullptr ? known->residuals : problem.residuals(start, std::nullopt);
  result.at_x.columns = known != nullptr ? known->columns : derivatives(problem, start, options);
  result.cost = cost_of(problem, start, result.at_x.residuals);
  result.converged = start.empty();
  double damping = kFirstDamping;
  while (!result.converged && result.iterations < options.max_iterations) {
    const double before = result.cost;
    ++result.iterations;
    const bool improved = improve(problem, options, damping, result);
    if (improved) result.at_x.columns = derivatives(problem, result.x, options);
    result.converged = !improved || before - result.cost <= options.tolerance * before;
  }
  result.standard_error = standard_errors(problem, result.at_x);
  return result;
}

std::vector<double> leverages(const LeastSquaresProblem& problem, const LeastSquaresResult& result) {
  std::vector<double> leverages(result.at_x.residuals.size(), 0);
  if (result.x.empty()) return leverages;
  const auto normal = normal_equations(problem, result.x, result.at_x).matrix.ldlt();
  for (size_t i = 0; i < leverages.size(); ++i) {
    const VectorXd row = slopes_of(result.at_x, i);
    leverages[i] = effective_weight(problem, result.at_x, i) * row.dot(normal.solve(row));
  }
  return leverages;
}

void parallel_for(int count, int threads, const std::function<void(int)>& work) {
  std::atomic<int> next{0};
  std::exception_ptr failure;
  std::mutex failing;
  const auto run = [&] {
    for (int i = next++; i < count; i = next++) {
      try {
        work(i);
      } catch (...) {
        const std::lock_guard lock(failing);
        failure = std::current_exception();
      }
    }
  };
  std::vector<std::jthread> others;
  for (int i = 1; i < std::min(threads, count); ++i) others.emplace_back(run);
  run();
  others.clear();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace paraplan
