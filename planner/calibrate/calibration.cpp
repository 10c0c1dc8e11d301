#include "planner/calibrate/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <thread>

#include "costmodel/base/input_error.h"
#include "costmodel/io/profiles/profile_fields.h"
#include "planner/calibrate/calibrated_profiles.h"
#include "planner/calibrate/constant_choice.h"
#include "planner/calibrate/constant_fit.h"
#include "planner/calibrate/least_squares.h"
#include "planner/report/table.h"
#include "planner/validate/median.h"
#include "planner/validate/outliers.h"
#include "planner/validate/row_model.h"

namespace paraplan {
namespace {

constexpr size_t kEnoughToLeaveOut = 3;
constexpr double kSuspectFactor = 5;  // between all rows and their predictions
constexpr int kErrorDigits = 2;
constexpr double kNotFitted = std::numeric_limits<double>::quiet_NaN();

using Parts = std::vector<CalibrationPart>;

// Predicted with the profiles as they are, and with the targets at `values`.
std::vector<CalibratedRow> rows_of(const Parts& parts, const RowModel& model,
                                   const std::vector<FitTarget>& targets, const std::vector<double>& values) {
  const std::vector<double> before = model.predict({}, {}), after = model.predict(targets, values);
  std::vector<CalibratedRow> rows;
  for (size_t i = 0; i < before.size(); ++i) {
    const Observation& o = model.observations()[i];
    const Scenario& scenario = parts[o.part].scenario;
    rows.push_back({scenario.name, scenario.software.name, parts[o.part].rows[o.row].id, o.quantity,
                    o.measured, before[i], after[i], kNotFitted});
  }
  return rows;
}

// Mean absolute relative errors of some rows.
struct MeanErrors {
  double values = 0;
  double before = 0, after = 0, left_out = 0;

  void add(const CalibratedRow& row) {
    const auto error = [&row](double predicted) { return std::abs(predicted / row.measured - 1); };
    values += 1;
    before += (error(row.before) - before) / values;
    after += (error(row.after) - after) / values;
    left_out += (error(row.left_out) - left_out) / values;
  }
};

// Why rows with these errors are better predicted without their constants; empty: they are not.
std::string why_worse(const MeanErrors& errors) {
  const auto text = [&errors](const char* what, double now) {
    return fmt::format("{} predicted worse: off by {:.2f} %, {:.2f} % before", what, 100 * now,
                       100 * errors.before);
  };
  if (errors.after > errors.before) return text("the rows are", errors.after);
  if (errors.left_out > errors.before) return text("rows left out of the fit are", errors.left_out);
  return "";
}

class Calibrator {
 public:
  Calibrator(const Parts& parts, const CalibrationOptions& options)
      : options_(options), threads_(options.threads), rows_(parts), outliers_(parts) {
    if (threads_ <= 0) threads_ = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    for (CalibrationPart& part : outliers_) part.rows.clear();
    for (const CalibrationPart& part : parts) profiles_.add(part.scenario);
    candidates_ = fit_targets(profiles_, options.fit, options.same);
  }

  Calibration run() {
    fit_rows();
    while (options_.robust && set_outliers_aside()) fit_rows();
    for (bool better = false; !better;) {
      compare();
      if (take_back_worst()) continue;
      leave_rows_out();
      better = !take_back_worst();
    }
    return result();
  }

 private:
  bool named() const { return !options_.fit.empty(); }
  size_t row_count() const { return model_->rows().size(); }

  void fit_rows() {
    fit_.reset();
    model_.emplace(rows_, options_.time, options_.memory);
    check_enough();
    choice_ = (named() ? with_effect : choose_constants)(*model_, candidates_, options_.row_error, threads_);
    fit();
  }

  void fit() { fit_ = std::make_unique<ConstantFit>(*model_, choice_.chosen, options_, threads_); }

  void check_enough() const {
    const size_t rows = model_->observations().size();
    const char* what = options_.time ? (options_.memory ? "an iteration time, a throughput or a peak memory"
                                                        : "an iteration time or a throughput")
                                     : "a peak memory";
    const auto has_rows = [](const CalibrationPart& part) { return !part.rows.empty(); };
    if (rows == 0 && std::ranges::any_of(outliers_, has_rows)) return;
    if (rows == 0) {
      throw InputError("measured rows", 0, "", fmt::format("no row has {} and a possible layout", what));
    }
    if (named() && rows < candidates_.size()) {
      throw InputError("command line", 0, "--fit",
                       fmt::format("names {} constants, but there are only {} measured values to fit them to",
                                   candidates_.size(), rows));
    }
  }

  // Moves the worst outliers from the fitted rows to the others; false when there is none.
  bool set_outliers_aside() {
    const std::vector<double> unseen = fit_->unseen_log_ratios(), before = model_->predict({}, {});
    std::vector<Deviation> deviations;
    for (size_t i = 0; i < unseen.size(); ++i) {
      const Observation& o = model_->observations()[i];
      deviations.push_back({.group = o.part * std::size(kQuantities) + static_cast<size_t>(o.quantity),
                            .before = std::log(before[i] / o.measured),
                            .unseen = unseen[i]});
    }
    std::set<std::pair<size_t, size_t>> found;  // part and row
    for (const size_t i : worst_outliers(deviations))
      found.emplace(model_->observations()[i].part, model_->observations()[i].row);
    for (auto place = found.rbegin(); place != found.rend(); ++place) {
      std::vector<MeasuredRow>& rows = rows_[place->first].rows;
      const auto row = rows.begin() + static_cast<std::ptrdiff_t>(place->second);
      outliers_[place->first].rows.push_back(*row);
      rows.erase(row);
    }
    return !found.empty();
  }

  void compare() { compared_ = rows_of(rows_, *model_, fit_->targets(), fit_->values()); }

  void leave_rows_out() {
    const std::vector<std::vector<size_t>> groups = model_->rows();
    if (!options_.leave_one_out || choice_.chosen.empty() || groups.size() < kEnoughToLeaveOut) return;
    const std::thread::id caller = std::this_thread::get_id();
    std::atomic<int64_t> done{0};
    parallel_for(static_cast<int>(groups.size()), threads_, [&](int g) {
      const std::vector<size_t>& left_out = groups[static_cast<size_t>(g)];
      const std::vector<double> predicted = fit_->predict_without(left_out);
      for (const size_t i : left_out) compared_[i].left_out = predicted[i];
      ++done;
      if (options_.progress && std::this_thread::get_id() == caller)
        options_.progress(done, static_cast<int64_t>(groups.size()));
    });
  }

  MeanErrors errors_of(const FitTarget& target, Quantity quantity) const {
    MeanErrors errors;
    for (size_t i = 0; i < compared_.size(); ++i) {
      if (compared_[i].quantity == quantity && model_->depends(model_->observations()[i], target))
        errors.add(compared_[i]);
    }
    return errors;
  }

  std::string why_taken_back(size_t constant) const {
    bool better = false;
    for (const Quantity quantity : kQuantities) {
      const MeanErrors errors = errors_of(choice_.chosen[constant], quantity);
      if (std::string reason = why_worse(errors); !reason.empty()) return reason;
      better = better || errors.after < errors.before;
    }
    if (!better) return "the rows are predicted no better";
    const CalibratedConstant fitted = constant_of(constant);
    if (!named() && !fitted.determined() && row_count() >= kEnoughToLeaveOut)
      return fmt::format("the rows do not determine it: {:.2g}, give or take {:.2g}", fitted.fitted,
                         fitted.standard_error);
    return "";
  }

  // Of the constants that make predictions no better, fits without the one that the rows determine least;
  // false when there is none.
  bool take_back_worst() {
    std::optional<size_t> worst;
    for (size_t j = 0; j < choice_.chosen.size(); ++j) {
      const auto error = [this](size_t k) { return constant_of(k).relative_standard_error(); };
      if (!why_taken_back(j).empty() && (!worst || error(j) >= error(*worst))) worst = j;
    }
    if (!worst) return false;
    choice_.unfitted.insert(choice_.unfitted.begin(), {choice_.chosen[*worst], why_taken_back(*worst)});
    choice_.chosen.erase(choice_.chosen.begin() + static_cast<std::ptrdiff_t>(*worst));
    fit();
    taken_back_ = true;
    return true;
  }

  CalibratedConstant constant_of(size_t j) const {
    return {.target = fit_->targets()[j],
            .fitted = fit_->values()[j],
            .standard_error = fit_->standard_errors()[j],
            .at_bound = fit_->at_bound(j)};
  }

  // What is known of the rows whose scenarios hold the constant.
  CalibrationRecord record_of(const FitTarget& target) const {
    CalibrationRecord record;
    MeanErrors errors;
    for (const std::vector<size_t>& row : model_->rows()) {
      const Observation& first = model_->observations()[row.front()];
      if (!model_->depends(first, target)) continue;
      ++record.rows;
      const std::string& table = rows_[first.part].table;
      if (std::ranges::find(record.tables, table) == record.tables.end()) record.tables.push_back(table);
      for (const size_t i : row) errors.add(compared_[i]);
    }
    record.mean_abs_error = rounded(errors.after, kErrorDigits);
    if (!std::isnan(errors.left_out)) record.leave_one_out_error = rounded(errors.left_out, kErrorDigits);
    return record;
  }

  std::string failure() const {
    if (compared_.empty()) return "no row is near its prediction";
    const size_t rows = row_count();
    if (!named() && rows < kEnoughToLeaveOut)
      return fmt::format("{} {} too few: {} are needed where --fit names no constant", rows,
                         rows == 1 ? "row is" : "rows are", kEnoughToLeaveOut);
    if (choice_.chosen.empty() && taken_back_)
      return "no constant makes the predictions of these rows better";
    if (choice_.chosen.empty()) return "these rows determine no constant";
    if (!fit_->result().converged)
      return fmt::format("not converged after {} iterations", fit_->result().iterations);
    return "";
  }

  // A guess of the hardware, host or network profiles that moves these rows more than any other.
  std::optional<FitTarget> other_constant() {
    HardwareProfile hardware;
    HostProfile host;
    Network network;
    std::vector<std::string> keys;
    for (const std::string& key : constant_keys(profile_fields(hardware))) keys.push_back("hardware." + key);
    for (const std::string& key : constant_keys(profile_fields(network))) keys.push_back("network." + key);
    for (const std::string& key : constant_keys(profile_fields(host))) keys.push_back("host." + key);
    if (profiles_.networks.empty())
      std::erase_if(keys, [](const auto& key) { return key.starts_with("network."); });
    if (profiles_.hosts.empty())
      std::erase_if(keys, [](const auto& key) { return key.starts_with("host."); });
    std::vector<FitTarget> targets = fit_targets(profiles_, keys, options_.same);
    std::erase_if(targets, [](const FitTarget& target) { return target.start == 0; });
    const ConstantChoice choice = choose_constants(*model_, targets, options_.row_error, threads_);
    return choice.chosen.empty() ? std::nullopt : std::optional(choice.chosen.front());
  }

  std::vector<std::string> notes() {
    const size_t rows = row_count();
    std::vector<std::string> notes;
    if (rows > 0 && rows < kEnoughToLeaveOut) {
      notes.push_back(
          fmt::format("{} {}: too few to check a fit by leaving one out", rows, rows == 1 ? "row" : "rows"));
    }
    std::vector<double> factors;
    for (const CalibratedRow& row : compared_) factors.push_back(row.measured / row.before);
    const double factor = factors.empty() ? 1 : median(factors);
    if (std::abs(std::log(factor)) > std::log(kSuspectFactor))
      notes.push_back(
          fmt::format("measured is {:.3g} times predicted (median): are the units right?", factor));
    MeanErrors errors;
    for (const CalibratedRow& row : compared_) errors.add(row);
    if (named() || errors.after <= options_.row_error) return notes;
    if (const auto other = other_constant()) {
      notes.push_back(fmt::format(
          "much is left: these rows depend on {} too, which is fitted when it is named: --fit \"{}\"",
          other->key, other->name()));
    }
    return notes;
  }

  Calibration result() {
    Calibration result;
    for (size_t j = 0; j < choice_.chosen.size(); ++j) {
      result.constants.push_back(constant_of(j));
      result.constants.back().record = record_of(choice_.chosen[j]);
    }
    result.unfitted = choice_.unfitted;
    result.rows = compared_;
    const RowModel outliers(outliers_, options_.time, options_.memory);
    result.outliers = rows_of(outliers_, outliers, fit_->targets(), fit_->values());
    result.excluded = model_->excluded();
    result.notes = notes();
    result.failure = failure();
    result.iterations = fit_->result().iterations;
    result.converged = fit_->result().converged;
    result.profiles = profiles_;
    keep_fitted(result.profiles, result.constants);
    return result;
  }

  const CalibrationOptions& options_;
  int threads_;
  Parts rows_, outliers_;  // the same scenarios; each row is in one of them
  ProfileSet profiles_;
  std::vector<FitTarget> candidates_;
  std::optional<RowModel> model_;  // of rows_
  ConstantChoice choice_;
  std::unique_ptr<ConstantFit> fit_;  // of choice_.chosen
  std::vector<CalibratedRow> compared_;
  bool taken_back_ = false;
};

}  // namespace

Calibration calibrate(const std::vector<CalibrationPart>& parts, const CalibrationOptions& options) {
  return Calibrator(parts, options).run();
}

}  // namespace paraplan
