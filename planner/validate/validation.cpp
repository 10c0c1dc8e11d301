#include "planner/validate/validation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>

#include "costmodel/cost_model.h"
#include "costmodel/io/profiles/profile_fields.h"
#include "planner/validate/median.h"
#include "planner/validate/peak_share.h"

namespace paraplan {
namespace {

constexpr double kNotPredicted = std::numeric_limits<double>::quiet_NaN();
constexpr double kMib = 1024.0 * 1024.0;

// A row with what is predicted for it.
struct PredictedRow {
  size_t place;
  const MeasuredRow& measured;
  PredictionResult result;
  std::optional<double> above_peak;

  const Prediction* prediction() const { return std::get_if<Prediction>(&result); }
};

ComparedRow compare(const Scenario& scenario, const PredictedRow& row, Quantity quantity, double measured,
                    double predicted) {
  ComparedRow compared;
  compared.scenario = scenario.name;
  compared.scenario_file = scenario.path;
  compared.id = row.measured.id;
  compared.row = row.place;
  compared.quantity = quantity;
  compared.measured = measured;
  compared.predicted = predicted;
  compared.relative_error = predicted / measured - 1;
  compared.above_peak = row.above_peak;
  if (const Prediction* prediction = row.prediction()) {
    compared.fit = prediction->fit;
  } else {
    const Infeasible& infeasible = std::get<Infeasible>(row.result);
    compared.failure = infeasible.rule + ": " + infeasible.detail;
  }
  return compared;
}

void add_compared(const Scenario& scenario, const PredictedRow& row, std::vector<ComparedRow>& rows) {
  const Prediction* prediction = row.prediction();
  if (const auto time_s = measured_iteration_time_s(row.measured)) {
    const double predicted = prediction != nullptr ? prediction->iteration_time_s : kNotPredicted;
    rows.push_back(compare(scenario, row, Quantity::iteration_time_s, *time_s, predicted));
  }
  if (const auto memory = row.measured.peak_memory_mib) {
    const double predicted = prediction != nullptr ? prediction->peak_memory_bytes / kMib : kNotPredicted;
    rows.push_back(compare(scenario, row, Quantity::peak_memory_mib, *memory, predicted));
  }
  if (const auto oom = row.measured.oom) {
    const double predicted = prediction == nullptr ? kNotPredicted : prediction->fit != Fit::exceeds ? 1 : 0;
    const double measured = *oom ? 0 : 1;
    rows.push_back(compare(scenario, row, Quantity::outcome, measured, predicted));
    ComparedRow& outcome = rows.back();
    outcome.relative_error = outcome.fit == Fit::tight ? 0 : std::abs(predicted - measured);
  }
}

// Model, layers, sequence length, devices, their clock, recompute ("" where the group is not split).
using GroupKey = std::tuple<std::string, int64_t, int64_t, int64_t, double, std::string>;

std::string recompute_name(const Layout& layout) {
  if (layout.recompute != Recompute::layers) return to_string(layout.recompute);
  return fmt::format("layers {}", layout.recompute_layers);
}

std::vector<RankingGroup> rank(const Scenario& scenario, const std::vector<PredictedRow>& rows) {
  std::map<GroupKey, std::vector<RankedPair>> groups;
  for (const PredictedRow& row : rows) {
    const auto time_s = measured_iteration_time_s(row.measured);
    if (!time_s || row.above_peak) continue;
    const Job& job = row.measured.job;
    const Prediction* prediction = row.prediction();
    const double predicted_s =
        prediction != nullptr ? prediction->iteration_time_s : std::numeric_limits<double>::infinity();
    const auto samples = static_cast<double>(job.global_batch);
    for (const std::string& recompute : {std::string(), recompute_name(row.measured.layout)}) {
      const GroupKey key{job.model.name,        job.model.layers(),   job.seq_length,
                         job.cluster.devices(), job.cluster.clock_hz, recompute};
      groups[key].push_back({*time_s / samples, predicted_s / samples});
    }
  }
  std::vector<RankingGroup> ranking;
  for (const auto& [key, pairs] : groups) {
    if (pairs.size() < 2) continue;
    const auto& [model, layers, seq_length, devices, clock_hz, recompute] = key;
    ranking.push_back({scenario.name, scenario.path, model, layers, seq_length, devices, clock_hz,
                       recompute.empty() ? std::nullopt : std::optional(recompute),
                       static_cast<int64_t>(pairs.size()), ranking_quality(pairs)});
  }
  return ranking;
}

// A copy, because the fields of a profile point into it for writing, too.
template <class Profile>
ProfileUse profile_use(const char* kind, Profile profile, int64_t rows) {
  const ProfileFields fields = profile_fields(profile);
  std::vector<ChosenConstant> chosen;
  for (const ConstantField& field : fields.constants)
    if (field.constant->from_rows()) chosen.push_back({kind, field.key, *field.constant});
  return {kind,   profile.name, static_cast<int64_t>(fields.constants.size()),
          chosen, rows,         profile.calibration};
}

// Adds the rows and groups of `part`; uses of the same profile become one.
void append(Validation& all, const Validation& part) {
  all.rows.insert(all.rows.end(), part.rows.begin(), part.rows.end());
  all.ranking.insert(all.ranking.end(), part.ranking.begin(), part.ranking.end());
  for (const ProfileUse& use : part.profiles) {
    const auto same = std::ranges::find_if(all.profiles, [&](const ProfileUse& other) {
      return other.kind == use.kind && other.name == use.name;
    });
    if (same == all.profiles.end()) {
      all.profiles.push_back(use);
    } else {
      same->rows += use.rows;
    }
  }
}

}  // namespace

const char* to_string(Quantity quantity) {
  switch (quantity) {
    case Quantity::iteration_time_s:
      return "iteration_time_s";
    case Quantity::peak_memory_mib:
      return "peak_memory_mib";
    case Quantity::outcome:
      return "outcome";
  }
  return "";
}

std::string predicted_outcome(const ComparedRow& row) {
  if (!row.failure.empty()) return "impossible";
  return row.fit == Fit::fits ? "ok" : row.fit == Fit::tight ? "tight" : "oom";
}

std::optional<double> measured_iteration_time_s(const MeasuredRow& row) {
  const auto samples = static_cast<double>(row.job.global_batch);
  if (row.iteration_time_s) return row.iteration_time_s;
  if (row.samples_per_s) return samples / *row.samples_per_s;
  if (!row.tokens_per_s_per_device) return std::nullopt;
  const double tokens = samples * static_cast<double>(row.job.seq_length);
  return tokens / (*row.tokens_per_s_per_device * static_cast<double>(row.job.cluster.devices()));
}

Validation validate(const Scenario& scenario, const std::vector<MeasuredRow>& rows) {
  Validation validation;
  validation.scenario = scenario.name;
  validation.scenario_file = scenario.path;
  std::vector<PredictedRow> predicted;
  for (const MeasuredRow& row : rows) {
    CostModel model(apply(scenario, row.job));
    predicted.push_back({predicted.size(), row, model.predict(row.layout), share_above_peak(scenario, row)});
    add_compared(scenario, predicted.back(), validation.rows);
  }
  validation.ranking = rank(scenario, predicted);
  const auto count = static_cast<int64_t>(rows.size());
  validation.profiles.push_back(profile_use("hardware", scenario.hardware, count));
  if (!scenario.host.name.empty()) validation.profiles.push_back(profile_use("host", scenario.host, count));
  if (!scenario.network.name.empty())
    validation.profiles.push_back(profile_use("network", scenario.network, count));
  validation.profiles.push_back(profile_use("software", scenario.software, count));
  return validation;
}

ChosenCount count_chosen(std::span<const ProfileUse> profiles) {
  std::vector<ChosenConstant> counted;
  ChosenCount count;
  for (const ProfileUse& use : profiles) {
    for (const ChosenConstant& chosen : use.chosen) {
      if (std::ranges::find(counted, chosen) != counted.end()) continue;
      counted.push_back(chosen);
      ++(chosen.constant.provenance == Provenance::fitted ? count.fitted : count.tuned);
    }
  }
  return count;
}

std::vector<std::string> labels(std::span<const Validation> parts) {
  std::vector<std::string> labels;
  for (const Validation& part : parts) {
    const bool alone = std::ranges::count(parts, part.scenario, &Validation::scenario) == 1;
    labels.push_back(alone ? part.scenario : part.scenario_file);
  }
  return labels;
}

Validation together(std::span<const Validation> parts) {
  Validation all;
  for (const Validation& part : parts) append(all, part);
  return all;
}

namespace {

// Mean size of an error; empty when a row that is in the figures has none.
std::optional<double> mean_of(std::span<const ComparedRow> rows, Quantity quantity,
                              std::optional<double> ComparedRow::*error) {
  double sum = 0, count = 0;
  for (const ComparedRow& row : rows) {
    if (row.quantity != quantity || row.above_peak || !row.failure.empty()) continue;
    if (!(row.*error)) return std::nullopt;
    sum += std::abs(*(row.*error));
    ++count;
  }
  return count > 0 ? std::optional(sum / count) : std::nullopt;
}

}  // namespace

ErrorSummary summarise(std::span<const ComparedRow> rows, Quantity quantity) {
  ErrorSummary summary;
  std::vector<double> errors;
  for (const ComparedRow& row : rows) {
    if (row.quantity != quantity) continue;
    if (row.above_peak) {
      ++summary.above_peak;
      continue;
    }
    if (!row.failure.empty()) {
      ++summary.not_predicted;
      continue;
    }
    if (quantity == Quantity::outcome && row.fit == Fit::tight) ++summary.tight;
    summary.bias += row.relative_error;
    errors.push_back(std::abs(row.relative_error));
  }
  if (errors.empty()) return summary;
  const auto count = static_cast<double>(errors.size());
  for (const double error : errors) summary.mean += error / count;
  summary.bias /= count;
  summary.rows = static_cast<int64_t>(errors.size());
  summary.largest = *std::ranges::max_element(errors);
  summary.median = median(std::move(errors));
  summary.row_left_out = mean_of(rows, quantity, &ComparedRow::row_left_out);
  summary.table_left_out = mean_of(rows, quantity, &ComparedRow::table_left_out);
  return summary;
}

double mean_kendall_tau(std::span<const RankingGroup> groups, bool split_by_recompute) {
  double sum = 0;
  int64_t count = 0;
  for (const RankingGroup& group : groups) {
    if (group.recompute.has_value() != split_by_recompute || std::isnan(group.quality.kendall_tau)) continue;
    sum += group.quality.kendall_tau;
    ++count;
  }
  return count > 0 ? sum / static_cast<double>(count) : kNotPredicted;
}

}  // namespace paraplan
