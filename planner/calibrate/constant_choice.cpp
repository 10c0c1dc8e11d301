#include "planner/calibrate/constant_choice.h"

#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <cmath>

#include "planner/calibrate/least_squares.h"

namespace paraplan {
namespace {

using Eigen::VectorXd;

constexpr double kChange = 0.4;            // of a logarithm: x 1.5 and x 0.67
constexpr double kWrongGuess = 10;         // a factor by which a guess may be too small,
constexpr size_t kEnoughToCheckGuess = 3;  // where there are rows to check it
constexpr size_t kRowsPerConstant = 3;
constexpr int kHalvings = 60;  // across any range
// Of a constant's logarithm, 1 / standard error, at usual row errors. Whether the rows that there are
// determine it is seen after the fit.
constexpr double kLeastInformation = 1;
constexpr double kWorthOfDerived = 0.5;  // of an effect, beside that of a guess
constexpr double kLeastAngle = 0.3;      // sine of the angle to what is fitted already
constexpr const char* kNoEffect = "no effect on these rows";

// Numbers that follow from what the framework's code does. Changed to fit times, they would mean nothing.
constexpr const char* kCounts[] = {"state.", "optimizer.launches_per_tensor", "communication.bucket_MB",
                                   "memory.loss_", "memory.zero3_live_parameters"};

std::vector<double> logs(std::vector<double> values) {
  for (double& value : values) value = std::log(value);
  return values;
}

double root_mean_square(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0, count = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    sum += (a[i] - b[i]) * (a[i] - b[i]);
    count += a[i] != b[i] ? 1 : 0;
  }
  return count == 0 ? 0 : std::sqrt(sum / count);
}

// The least value, to a factor of 2, at which predictions differ from those at the start by about
// `row_error`, but no more than `wrong_guess` times the start.
double least_value_that_matters(const RowModel& model, const FitTarget& target, double row_error,
                                double wrong_guess) {
  const auto at = [&](double value) { return logs(model.predict({target}, {value}, 0)); };
  const std::vector<double> start = at(target.start);
  const double most = target.start == 0 ? target.range.max : wrong_guess * target.start;
  double value = std::min(most, target.range.max);
  for (int i = 0; i < kHalvings && value / 2 > target.start; ++i) {
    if (root_mean_square(at(value / 2), start) < row_error) break;
    value /= 2;
  }
  return value;
}

// Gives the logarithms of constants that start at 0, and of small guesses, the offset that they need to be
// told by rows: as small values as move the predictions by about `row_error` then count as a change.
std::vector<FitTarget> with_offsets(const RowModel& model, std::vector<FitTarget> targets, double row_error,
                                    int threads) {
  parallel_for(static_cast<int>(targets.size()), threads, [&](int j) {
    FitTarget& target = targets[static_cast<size_t>(j)];
    if (target.start != 0 && target.provenance != Provenance::assumed) return;
    const double wrong = model.rows_with(target) < kEnoughToCheckGuess ? 1 : kWrongGuess;
    const double value = least_value_that_matters(model, target, row_error, wrong);
    if (value > 2 * target.start) target.offset = value - target.start;
  });
  return targets;
}

// Effects of a change by half, up and down, with all other constants as they are.
ConstantEffects effects_of(const RowModel& model, const std::vector<FitTarget>& targets, double row_error,
                           int threads) {
  ConstantEffects effects(targets.size());
  parallel_for(static_cast<int>(targets.size()), threads, [&](int j) {
    const FitTarget& target = targets[static_cast<size_t>(j)];
    const double x = target.logarithm(target.start);
    const double above = std::min(x + kChange, target.upper()), below = std::max(x - kChange, target.lower());
    std::vector<double> change = logs(model.predict({target}, {target.value_at(above)}, 0));
    const std::vector<double> other = logs(model.predict({target}, {target.value_at(below)}, 0));
    for (size_t i = 0; i < change.size(); ++i)
      change[i] = (change[i] - other[i]) / (above - below) / row_error;
    effects[static_cast<size_t>(j)] = change;
  });
  return effects;
}

bool is_derived(const FitTarget& target) {
  return target.provenance != Provenance::assumed && target.provenance != Provenance::fitted &&
         target.provenance != Provenance::tuned;
}

// A candidate, with what its effects say that those of the chosen constants do not.
struct Candidate {
  const FitTarget* target;
  size_t rows;
  VectorXd effects, rest;

  double worth() const { return rest.norm() * (is_derived(*target) ? kWorthOfDerived : 1); }
  bool rests_on_one_row(const VectorXd& v) const {
    return rows > 2 && v.squaredNorm() - v.cwiseAbs2().maxCoeff() < kLeastInformation * kLeastInformation;
  }
  bool can_be_told() const {
    const double information = rest.norm();
    return information >= kLeastInformation && information >= kLeastAngle * effects.norm() &&
           !rests_on_one_row(rest);
  }
};

bool more_than_rows_allow(const Candidate& c, const std::vector<Candidate>& chosen) {
  const auto of_same_profile = [&c](const Candidate& other) {
    return other.target->kind == c.target->kind &&
           other.target->profiles.front() == c.target->profiles.front();
  };
  const auto count = static_cast<size_t>(std::ranges::count_if(chosen, of_same_profile));
  return count >= std::max<size_t>(1, c.rows / kRowsPerConstant);
}

std::string why_not(const Candidate& c, const std::vector<Candidate>& chosen) {
  if (c.effects.isZero()) return kNoEffect;
  if (c.effects.norm() < kLeastInformation) return "too small an effect on these rows";
  if (c.rests_on_one_row(c.effects)) return "only one row depends on it";
  if (c.can_be_told()) return fmt::format("more constants than {} rows allow", c.rows);
  const auto likeness = [&c](const Candidate& other) {
    return std::abs(c.effects.dot(other.effects)) / other.effects.norm();
  };
  return "cannot be told from " + std::ranges::max_element(chosen, {}, likeness)->target->name();
}

}  // namespace

std::string reason_to_leave_alone(const FitTarget& target) {
  if (target.provenance == Provenance::measured) return "measured";
  if (target.provenance == Provenance::datasheet) return "from a datasheet";
  const auto begins = [&target](const char* count) { return target.key.starts_with(count); };
  if (std::ranges::any_of(kCounts, begins)) return "counts what the framework does";
  if (target.absent) return "not in the profile";
  if (target.start == 0 && is_derived(target)) return "0: there is none, as its source says";
  return "";
}

ConstantChoice select_constants(const std::vector<FitTarget>& targets, const ConstantEffects& effects,
                                const std::vector<size_t>& rows) {
  std::vector<Candidate> left, chosen;
  for (size_t j = 0; j < targets.size(); ++j) {
    const VectorXd column =
        Eigen::Map<const VectorXd>(effects[j].data(), static_cast<Eigen::Index>(effects[j].size()));
    left.push_back({&targets[j], rows[j], column, column});
  }
  const auto worth = [&chosen](const Candidate& c) {
    return c.can_be_told() && !more_than_rows_allow(c, chosen) ? c.worth() : 0;
  };
  while (!left.empty()) {
    const auto best = std::ranges::max_element(left, {}, worth);
    if (worth(*best) == 0) break;
    chosen.push_back(*best);
    left.erase(best);
    const VectorXd direction = chosen.back().rest.normalized();
    for (Candidate& c : left) c.rest -= direction * direction.dot(c.rest);
  }
  ConstantChoice choice;
  for (const Candidate& c : chosen) choice.chosen.push_back(*c.target);
  for (const Candidate& c : left) choice.unfitted.push_back({*c.target, why_not(c, chosen)});
  return choice;
}

ConstantChoice choose_constants(const RowModel& model, const std::vector<FitTarget>& targets,
                                double row_error, int threads) {
  std::vector<FitTarget> candidates;
  std::vector<UnfittedConstant> left_alone;
  for (const FitTarget& target : targets) {
    const std::string reason = reason_to_leave_alone(target);
    if (reason.empty()) candidates.push_back(target);
    if (!reason.empty()) left_alone.push_back({target, reason});
  }
  candidates = with_offsets(model, candidates, row_error, threads);
  std::vector<size_t> rows;
  for (const FitTarget& target : candidates) rows.push_back(model.rows_with(target));
  ConstantChoice choice =
      select_constants(candidates, effects_of(model, candidates, row_error, threads), rows);
  choice.unfitted.insert(choice.unfitted.end(), left_alone.begin(), left_alone.end());
  return choice;
}

ConstantChoice with_effect(const RowModel& model, const std::vector<FitTarget>& targets, double row_error,
                           int threads) {
  const std::vector<FitTarget> candidates = with_offsets(model, targets, row_error, threads);
  const ConstantEffects effects = effects_of(model, candidates, row_error, threads);
  ConstantChoice choice;
  for (size_t j = 0; j < candidates.size(); ++j) {
    const bool seen = std::ranges::any_of(effects[j], [](double effect) { return effect != 0; });
    if (seen) choice.chosen.push_back(candidates[j]);
    if (!seen) choice.unfitted.push_back({candidates[j], kNoEffect});
  }
  return choice;
}

}  // namespace paraplan
