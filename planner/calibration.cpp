#include "planner/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <thread>

#include "costmodel/input_error.h"
#include "costmodel/io/suggestion.h"
#include "costmodel/io/text.h"
#include "planner/least_squares.h"
#include "planner/row_model.h"

namespace paraplan {
namespace {

// Constants of a range that reaches down to 0 are kept above this fraction of their start: their logarithm is
// fitted.
constexpr double kSmallestFactor = 1e-4;
constexpr double kHuberRowErrors = 2;
constexpr double kNotFitted = std::numeric_limits<double>::quiet_NaN();

// Digits of a fitted constant and of its error: no more than the fit can tell.
constexpr int kDigits = 5;
constexpr int kErrorDigits = 2;

double rounded(double value, int digits) {
  return parse_number(fmt::format("{:.{}g}", value, digits)).value_or(value);
}

std::vector<double> values_of(const std::vector<double>& logarithms) {
  std::vector<double> values;
  for (const double x : logarithms) values.push_back(std::exp(x));
  return values;
}

// The problem over the logarithms of the constants, and the things it refers to.
class Calibrator {
 public:
  Calibrator(const RowModel& model, const std::vector<FitTarget>& targets, const CalibrationOptions& options)
      : model_(model), targets_(targets), row_error_(options.row_error) {
    for (const FitTarget& target : targets) {
      start_.push_back(std::log(target.start));
      problem_.lower.push_back(std::log(std::max(target.range.min, target.start * kSmallestFactor)));
      problem_.upper.push_back(std::log(target.range.max));
    }
    problem_.prior = start_;
    problem_.prior_sigma.assign(targets.size(), options.prior);
    if (options.robust) problem_.huber = kHuberRowErrors;
    problem_.residuals = [this](const std::vector<double>& x, std::optional<size_t> only) {
      return residuals(x, only);
    };
  }
  Calibrator(const Calibrator&) = delete;
  Calibrator& operator=(const Calibrator&) = delete;

  LeastSquaresResult solve(int threads) const {
    return least_squares(problem_, start_, {.threads = threads});
  }

  // What the constants fitted to all rows but `left_out` predict, from the fit to all rows `full` on.
  std::vector<double> predict_without(const std::vector<size_t>& left_out,
                                      const LeastSquaresResult& full) const {
    LeastSquaresProblem problem = problem_;
    problem.weights.assign(model_.observations().size(), 1);
    for (const size_t i : left_out) problem.weights[i] = 0;
    const LeastSquaresResult result =
        least_squares(problem, full.x, {.max_iterations = 20, .tolerance = 1e-4}, &full.at_x);
    return model_.predict(targets_, values_of(result.x));
  }

  bool at_bound(size_t constant, double x) const {
    return x <= problem_.lower[constant] || x >= problem_.upper[constant];
  }

 private:
  std::vector<double> residuals(const std::vector<double>& x, std::optional<size_t> only) const {
    std::vector<double> result = model_.predict(targets_, values_of(x), only);
    for (size_t i = 0; i < result.size(); ++i)
      result[i] = std::log(result[i] / model_.observations()[i].measured) / row_error_;
    return result;
  }

  const RowModel& model_;
  const std::vector<FitTarget>& targets_;
  double row_error_;
  std::vector<double> start_;
  LeastSquaresProblem problem_;
};

void check_enough(const RowModel& model, const std::vector<FitTarget>& targets,
                  const CalibrationOptions& options) {
  const size_t rows = model.observations().size();
  const char* what = options.time ? (options.memory ? "an iteration time, a throughput or a peak memory"
                                                    : "an iteration time or a throughput")
                                  : "a peak memory";
  if (rows == 0) {
    throw InputError("measured rows", 0, "", fmt::format("no row has {} and a possible layout", what));
  }
  if (rows < targets.size()) {
    throw InputError("command line", 0, "--fit",
                     fmt::format("names {} constants, but there are only {} measured values to fit them to",
                                 targets.size(), rows));
  }
}

std::vector<CalibratedRow> rows_of(const std::vector<CalibrationPart>& parts, const RowModel& model,
                                   const std::vector<double>& before, const std::vector<double>& after) {
  std::vector<CalibratedRow> rows;
  for (size_t i = 0; i < before.size(); ++i) {
    const Observation& o = model.observations()[i];
    const Scenario& scenario = parts[o.part].scenario;
    rows.push_back({scenario.name, scenario.software.name, parts[o.part].rows[o.row].id, o.quantity,
                    o.measured, before[i], after[i], kNotFitted});
  }
  return rows;
}

// Observations by row: the quantities of one row are left out together.
std::vector<std::vector<size_t>> by_row(const std::vector<Observation>& observations) {
  std::vector<std::vector<size_t>> rows;
  for (size_t i = 0; i < observations.size(); ++i) {
    const bool same = i > 0 && observations[i].part == observations[i - 1].part &&
                      observations[i].row == observations[i - 1].row;
    if (!same) rows.emplace_back();
    rows.back().push_back(i);
  }
  return rows;
}

void leave_one_out(const Calibrator& fit, const RowModel& model, const LeastSquaresResult& full,
                   const CalibrationOptions& options, int threads, std::vector<CalibratedRow>& rows) {
  const std::vector<std::vector<size_t>> groups = by_row(model.observations());
  const std::thread::id caller = std::this_thread::get_id();
  std::atomic<int64_t> done{0};
  parallel_for(static_cast<int>(groups.size()), threads, [&](int g) {
    const std::vector<size_t>& left_out = groups[static_cast<size_t>(g)];
    const std::vector<double> predicted = fit.predict_without(left_out, full);
    for (const size_t i : left_out) rows[i].left_out = predicted[i];
    ++done;
    if (options.progress && std::this_thread::get_id() == caller)
      options.progress(done, static_cast<int64_t>(groups.size()));
  });
}

// What is known of the rows whose scenarios hold the constant.
CalibrationRecord record_of(const FitTarget& target, const std::vector<CalibrationPart>& parts,
                            const RowModel& model, const std::vector<CalibratedRow>& rows) {
  CalibrationRecord record;
  double values = 0, sum = 0, sum_left_out = 0;
  for (const std::vector<size_t>& row : by_row(model.observations())) {
    const CalibrationPart& part = parts[model.observations()[row.front()].part];
    if (!uses(part.scenario, target)) continue;
    ++record.rows;
    if (std::ranges::find(record.tables, part.table) == record.tables.end())
      record.tables.push_back(part.table);
    for (const size_t i : row) {
      values += 1;
      sum += std::abs(rows[i].after / rows[i].measured - 1);
      sum_left_out += std::abs(rows[i].left_out / rows[i].measured - 1);
    }
  }
  if (values == 0) return record;
  record.mean_abs_error = rounded(sum / values, kErrorDigits);
  if (!std::isnan(sum_left_out)) record.leave_one_out_error = rounded(sum_left_out / values, kErrorDigits);
  return record;
}

// The constant as it is written to the profiles.
Constant written(const CalibratedConstant& c) {
  const double error = rounded(c.fitted * c.relative_standard_error, kErrorDigits);
  std::string source =
      fmt::format("paraplan calibrate: {} rows of {}", c.record.rows, comma_separated(c.record.tables));
  if (!c.determined()) source += "; the rows do not determine it";
  const double written_error = error <= c.target.range.max ? c.target.unit.to_si(error) : 0;
  return {c.target.unit.to_si(c.fitted), Provenance::fitted, source, written_error};
}

void set_fitted(ProfileSet& profiles, const std::vector<CalibratedConstant>& constants) {
  for (const CalibratedConstant& c : constants) {
    if (!c.used) continue;
    for (const std::string& name : c.target.profiles) {
      const ProfileFields fields = profiles.fields(c.target.kind, name);
      *std::ranges::find(fields.constants, c.target.key, &ConstantField::key)->constant = written(c);
      profiles.calibration(c.target.kind, name) = c.record;
    }
  }
}

void keep_changed(ProfileSet& profiles, const std::vector<CalibratedConstant>& constants) {
  const auto unchanged = [&constants](ProfileKind kind) {
    return [&constants, kind](const auto& entry) {
      return std::ranges::none_of(constants, [&](const CalibratedConstant& c) {
        return c.used && c.target.kind == kind &&
               std::ranges::find(c.target.profiles, entry.first) != c.target.profiles.end();
      });
    };
  };
  std::erase_if(profiles.hardware, unchanged(ProfileKind::hardware));
  std::erase_if(profiles.networks, unchanged(ProfileKind::network));
  std::erase_if(profiles.software, unchanged(ProfileKind::software));
}

std::vector<CalibratedConstant> fitted_constants(const std::vector<FitTarget>& targets, const Calibrator& fit,
                                                 const LeastSquaresResult& solved) {
  std::vector<CalibratedConstant> constants;
  for (size_t j = 0; j < targets.size(); ++j) {
    const bool used = std::ranges::any_of(solved.at_x.columns[j], [](double slope) { return slope != 0; });
    constants.push_back({.target = targets[j],
                         .fitted = used ? rounded(std::exp(solved.x[j]), kDigits) : targets[j].start,
                         .relative_standard_error = solved.standard_error[j],
                         .used = used,
                         .at_bound = used && fit.at_bound(j, solved.x[j])});
  }
  return constants;
}

}  // namespace

Calibration calibrate(const std::vector<CalibrationPart>& parts, const CalibrationOptions& options) {
  Calibration result;
  for (const CalibrationPart& part : parts) result.profiles.add(part.scenario);
  const std::vector<FitTarget> targets = fit_targets(result.profiles, options.fit, options.same);
  const RowModel model(parts, options.time, options.memory);
  check_enough(model, targets, options);
  const int hardware = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  const int threads = options.threads > 0 ? options.threads : hardware;

  const Calibrator fit(model, targets, options);
  const LeastSquaresResult solved = fit.solve(threads);
  result.excluded = model.excluded();
  result.iterations = solved.iterations;
  result.converged = solved.converged;
  result.constants = fitted_constants(targets, fit, solved);
  std::vector<double> values;
  for (const CalibratedConstant& constant : result.constants) values.push_back(constant.fitted);
  result.rows = rows_of(parts, model, model.predict({}, {}), model.predict(targets, values));
  if (options.leave_one_out) leave_one_out(fit, model, solved, options, threads, result.rows);
  for (CalibratedConstant& constant : result.constants)
    constant.record = record_of(constant.target, parts, model, result.rows);
  set_fitted(result.profiles, result.constants);
  keep_changed(result.profiles, result.constants);
  return result;
}

}  // namespace paraplan
