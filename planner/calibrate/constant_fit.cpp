#include "planner/calibrate/constant_fit.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "costmodel/io/text/text.h"

namespace paraplan {
namespace {

constexpr double kHuberRowErrors = 2;
constexpr int kDigits = 5;

}  // namespace

double rounded(double value, int digits) {
  return parse_number(fmt::format("{:.{}g}", value, digits)).value_or(value);
}

ConstantFit::ConstantFit(const RowModel& model, std::vector<FitTarget> targets,
                         const CalibrationOptions& options, int threads)
    : model_(model), targets_(std::move(targets)), row_error_(options.row_error) {
  for (const FitTarget& target : targets_) {
    problem_.prior.push_back(target.logarithm(target.start));
    problem_.lower.push_back(target.lower());
    problem_.upper.push_back(target.upper());
  }
  problem_.prior_sigma.assign(targets_.size(), options.prior);
  if (options.robust) problem_.huber = kHuberRowErrors;
  problem_.residuals = [this](const std::vector<double>& x, std::optional<size_t> only) {
    return residuals(x, only);
  };
  result_ = least_squares(problem_, problem_.prior, {.threads = threads});
}

std::vector<double> ConstantFit::values() const {
  std::vector<double> values = values_at(result_.x);
  for (double& value : values) value = rounded(value, kDigits);
  return values;
}

std::vector<double> ConstantFit::standard_errors() const {
  std::vector<double> errors;
  for (size_t j = 0; j < targets_.size(); ++j)
    errors.push_back(result_.standard_error[j] * std::exp(result_.x[j]));
  return errors;
}

bool ConstantFit::at_bound(size_t constant) const {
  const double x = result_.x[constant];
  return x <= problem_.lower[constant] || x >= problem_.upper[constant];
}

std::vector<double> ConstantFit::unseen_log_ratios() const {
  std::vector<double> ratios = result_.at_x.residuals;
  const std::vector<double> leverage = leverages(problem_, result_);
  for (size_t i = 0; i < ratios.size(); ++i) ratios[i] *= row_error_ / (1 - leverage[i]);
  return ratios;
}

std::vector<double> ConstantFit::predict_without(const std::vector<size_t>& left_out) const {
  LeastSquaresProblem problem = problem_;
  problem.weights.assign(model_.observations().size(), 1);
  for (const size_t i : left_out) problem.weights[i] = 0;
  const LeastSquaresResult without =
      least_squares(problem, result_.x, {.max_iterations = 20, .tolerance = 1e-4}, &result_.at_x);
  return model_.predict(targets_, values_at(without.x));
}

std::vector<double> ConstantFit::values_at(const std::vector<double>& x) const {
  std::vector<double> values;
  for (size_t j = 0; j < x.size(); ++j) values.push_back(targets_[j].value_at(x[j]));
  return values;
}

std::vector<double> ConstantFit::residuals(const std::vector<double>& x, std::optional<size_t> only) const {
  std::vector<double> result = model_.predict(targets_, values_at(x), only);
  for (size_t i = 0; i < result.size(); ++i)
    result[i] = std::log(result[i] / model_.observations()[i].measured) / row_error_;
  return result;
}

}  // namespace paraplan
