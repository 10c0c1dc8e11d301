#pragma once

#include <cstddef>
#include <vector>

#include "planner/calibrate/calibration.h"
#include "planner/calibrate/least_squares.h"
#include "planner/validate/row_model.h"

namespace paraplan {

// Constants fitted to all observations of a row model: least squares over FitTarget::logarithm.
class ConstantFit {
 public:
  // Solves, on `threads` threads. Refers to `model` as long as it lives.
  ConstantFit(const RowModel& model, std::vector<FitTarget> targets, const CalibrationOptions& options,
              int threads);
  ConstantFit(const ConstantFit&) = delete;
  ConstantFit& operator=(const ConstantFit&) = delete;

  const std::vector<FitTarget>& targets() const { return targets_; }
  const LeastSquaresResult& result() const { return result_; }

  // In the units of the keys, rounded to the digits that a fit can tell.
  std::vector<double> values() const;
  // Of values(), from the rows alone, without the prior. Infinite: not determined.
  std::vector<double> standard_errors() const;
  bool at_bound(size_t constant) const;

  // For each observation log(predicted / measured), predicted by a fit to all others, to first order.
  std::vector<double> unseen_log_ratios() const;
  // What the constants fitted to all observations but `left_out` predict.
  std::vector<double> predict_without(const std::vector<size_t>& left_out) const;

 private:
  std::vector<double> values_at(const std::vector<double>& x) const;
  std::vector<double> residuals(const std::vector<double>& x, std::optional<size_t> only) const;

  const RowModel& model_;
  std::vector<FitTarget> targets_;
  double row_error_;
  LeastSquaresProblem problem_;
  LeastSquaresResult result_;
};

// To that many significant digits.
double rounded(double value, int digits);

}  // namespace paraplan
