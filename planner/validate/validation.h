#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "costmodel/io/measured_rows.h"
#include "costmodel/model/scenario.h"
#include "costmodel/prediction.h"
#include "costmodel/profile/calibration_record.h"
#include "planner/validate/ranking.h"

namespace paraplan {

enum class Quantity { iteration_time_s, peak_memory_mib, outcome };
inline constexpr Quantity kQuantities[] = {Quantity::iteration_time_s, Quantity::peak_memory_mib,
                                           Quantity::outcome};
const char* to_string(Quantity);

// One measured quantity of one row beside its prediction. The outcome is 1 for a run that went well and 0 for
// one that ran out of memory; its error is 0 or 1, and 0 for either where the layout is predicted to be
// tight: it may run. A row whose layout the model holds impossible has a failure, and NaN where a
// number would stand.
struct ComparedRow {
  std::string scenario, scenario_file, id;
  size_t row = 0;  // place in the table
  Quantity quantity = Quantity::iteration_time_s;
  double measured = 0;
  double predicted = 0;
  double relative_error = 0;  // predicted / measured - 1
  // The same with constants that have not seen the row, or its table; see add_unseen_errors().
  std::optional<double> row_left_out, table_left_out;
  Fit fit = Fit::exceeds;            // predicted
  std::optional<double> above_peak;  // share of the device's peak, of a row that states more than all of it
  std::string failure;
};

// "ok", "tight", "oom" or "impossible".
std::string predicted_outcome(const ComparedRow& row);

// Errors of one quantity. Rows above the device's peak and those that could not be predicted count as such
// and are in no other figure.
struct ErrorSummary {
  int64_t rows = 0;  // predicted
  int64_t not_predicted = 0;
  int64_t above_peak = 0;
  int64_t tight = 0;                         // of `rows`, outcomes predicted to be tight
  double mean = 0, median = 0, largest = 0;  // of the absolute relative errors
  double bias = 0;                           // mean of the signed ones
  // Means where rows, or their tables, are left out of the fits; empty unless all rows have theirs.
  std::optional<double> row_left_out, table_left_out;
};

// Comparable rows of one scenario, ordered by time per sample.
struct RankingGroup {
  std::string scenario, scenario_file, model;
  int64_t layers = 0, seq_length = 0, devices = 0;
  double clock_hz = 0;                   // 0: the profile's; at another clock it is another machine
  std::optional<std::string> recompute;  // of all rows; empty: the group is not split by it
  int64_t rows = 0;
  RankingQuality quality;
};

// A constant that was chosen by looking at training steps. Profiles that share it have equal ones.
struct ChosenConstant {
  std::string kind, key;  // "software", "host.launch_us"
  Constant constant;
  bool operator==(const ChosenConstant&) const = default;
};

// Which constants of a profile were fitted or tuned to training steps, and how well a fit did.
struct ProfileUse {
  std::string kind, name;  // "hardware", "a100_sxm_80"
  int64_t constants = 0;   // of the format
  std::vector<ChosenConstant> chosen;
  int64_t rows = 0;  // measured rows validated with it
  std::optional<CalibrationRecord> calibration;
};

struct Validation {
  std::string scenario;       // name
  std::string scenario_file;  // as it was named
  std::vector<ComparedRow> rows;
  std::vector<RankingGroup> ranking;
  std::vector<ProfileUse> profiles;
};

// Predicts every row and compares.
Validation validate(const Scenario& scenario, const std::vector<MeasuredRow>& rows);

// The names of the parts' scenarios; the files of those that share their name.
std::vector<std::string> labels(std::span<const Validation> parts);

// How many constants were fitted, and how many tuned. One that several profiles share counts once.
struct ChosenCount {
  int64_t fitted = 0, tuned = 0;
};
ChosenCount count_chosen(std::span<const ProfileUse> profiles);

// All rows and groups; uses of the same profile become one.
Validation together(std::span<const Validation> parts);

ErrorSummary summarise(std::span<const ComparedRow> rows, Quantity quantity);

// Seconds of a step, from whatever the row gives: the time, samples per second, or tokens per second and
// device.
std::optional<double> measured_iteration_time_s(const MeasuredRow& row);

// Mean of the groups' tau over those that have one, of the groups split by recompute or of the others; NaN if
// none.
double mean_kendall_tau(std::span<const RankingGroup> groups, bool split_by_recompute);

}  // namespace paraplan
