#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "costmodel/io/measured_rows.h"
#include "planner/calibrate/fit_targets.h"
#include "planner/validate/validation.h"

namespace paraplan {

// A scenario and its measured rows.
struct CalibrationPart {
  Scenario scenario;
  std::string table;  // file name of the rows
  std::vector<MeasuredRow> rows;
};

struct CalibrationOptions {
  // As for fit_targets. Empty: of all constants of the software profiles those that the rows can determine.
  std::vector<std::string> fit = {};
  std::vector<SameProfile> same = {};
  bool time = true;     // fit iteration times
  bool memory = false;  // fit peak memory
  // A constant that is off its start by a factor e^prior costs as much as one row that is off by
  // e^row_error. The first keeps constants that the rows do not determine where their source put them.
  double prior = 1;
  double row_error = 0.05;
  // Rows that are off like a mistake are left out (worst_outliers); errors beyond twice row_error count
  // linearly (Huber's loss).
  bool robust = true;
  bool leave_one_out = true;  // fit again without each row
  int threads = 0;            // 0: one per hardware thread; the result does not depend on it
  // Of the fits without each row; called on the caller's thread.
  std::function<void(int64_t done, int64_t total)> progress = {};
};

struct CalibratedConstant {
  FitTarget target;
  double fitted = 0;  // in the key's unit, rounded as it is written
  double standard_error =
      0;  // in the key's unit, from the rows alone, without the prior; infinite: not determined
  bool at_bound = false;
  CalibrationRecord record = {};  // of the rows whose scenarios hold the constant

  // Of the larger of fitted and start: of a constant that falls to nothing, the start says what little is.
  double relative_standard_error() const { return standard_error / std::max(fitted, target.start); }
  bool determined() const { return relative_standard_error() <= kDetermined; }
  static constexpr double kDetermined = 0.5;
};

// One measured quantity of one row, SI.
struct CalibratedRow {
  std::string scenario, software, id;
  Quantity quantity = Quantity::iteration_time_s;
  double measured = 0;
  double before = 0;    // predicted with the profiles as they were
  double after = 0;     // with the fitted constants
  double left_out = 0;  // with constants fitted to all other rows; NaN where that was not tried
};

// A constant that is not fitted.
struct UnfittedConstant {
  FitTarget target;
  std::string reason;  // "no effect on these rows"
};

// A row that the model holds impossible and that is not fitted.
struct ExcludedRow {
  std::string scenario, id, reason;
};

struct Calibration {
  std::vector<CalibratedConstant> constants;
  std::vector<UnfittedConstant> unfitted;
  std::vector<CalibratedRow> rows;
  std::vector<CalibratedRow> outliers;  // not fitted
  std::vector<ExcludedRow> excluded;
  std::vector<std::string> notes;  // what to keep in mind, a sentence each
  std::string failure;             // why nothing is to be written; empty: `profiles` is better than before
  ProfileSet profiles;             // those that hold a fitted constant, ready to be written
  int iterations = 0;
  bool converged = false;
};

// Fits constants of the parts' profiles to their rows: least squares of log(predicted / measured) over the
// logarithms of the constants, within the ranges of the profile format. A constant whose rows are on average
// predicted worse than with the profiles as they were, after the fit or by fits that leave the row out, is
// taken back. Fewer than three rows are a failure unless the constants are named. Throws InputError as
// fit_targets does, and when there are no rows to fit or fewer than constants that are named.
Calibration calibrate(const std::vector<CalibrationPart>& parts, const CalibrationOptions& options);

}  // namespace paraplan
