#include "planner/report/report_validation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "planner/report/table.h"
#include "planner/validate/peak_share.h"

namespace paraplan {
namespace {

std::string value_cell(Quantity quantity, double value) {
  if (std::isnan(value)) return "impossible";
  if (quantity == Quantity::outcome) return value == 1 ? "ok" : "oom";
  return quantity == Quantity::peak_memory_mib ? fmt::format("{:.0f}", value) : fmt::format("{:.4g}", value);
}

std::string predicted_cell(const ComparedRow& row) {
  return row.quantity == Quantity::outcome ? predicted_outcome(row) : value_cell(row.quantity, row.predicted);
}

std::string error_cell(const ComparedRow& row) {
  if (row.above_peak) return "left out";
  if (std::isnan(row.relative_error)) return "-";
  if (row.quantity == Quantity::outcome) return row.relative_error == 0 ? "right" : "wrong";
  return format_signed_percent(row.relative_error);
}

bool holds(const std::vector<ComparedRow>& rows, Quantity quantity) {
  return std::ranges::find(rows, quantity, &ComparedRow::quantity) != rows.end();
}

// One line per measured row, three cells per quantity that any row has.
std::string row_table(const std::vector<ComparedRow>& rows) {
  Table table{{{"row", Align::left}}, {}};
  std::vector<Quantity> quantities;
  for (const Quantity quantity : kQuantities) {
    if (!holds(rows, quantity)) continue;
    quantities.push_back(quantity);
    const std::array<const char*, 3> titles = {"time/step s", "peak MiB", "outcome"};
    table.columns.push_back({titles[static_cast<size_t>(quantity)]});
    table.columns.push_back({"predicted"});
    table.columns.push_back({quantity == Quantity::outcome ? "" : "error %"});
  }
  for (const ComparedRow& row : rows) {
    if (table.rows.empty() || table.rows.back().front() != row.id) {
      table.rows.emplace_back(table.columns.size(), "").front() = row.id;
    }
    const auto place = std::ranges::find(quantities, row.quantity) - quantities.begin();
    const auto cell = table.rows.back().begin() + 1 + 3 * place;
    cell[0] = value_cell(row.quantity, row.measured);
    cell[1] = predicted_cell(row);
    cell[2] = error_cell(row);
  }
  return to_text(table);
}

// "3.0", or a dash when there are no rows.
std::string percent_or_dash(const ErrorSummary& summary, double value) {
  return summary.rows == 0 ? "-" : format_percent(value);
}

std::string percent_or_dash(const std::optional<double>& value) {
  return value ? format_percent(*value) : "-";
}

std::string bias_or_dash(const ErrorSummary& summary) {
  return summary.rows == 0 ? "-" : format_signed_percent(summary.bias);
}

// Rows that are in no figure, and outcomes that either measurement would have been right for.
std::string error_notes(const std::vector<ComparedRow>& rows) {
  std::vector<RowAbovePeak> above_peak;
  const ComparedRow* last = nullptr;  // the quantities of a row follow each other
  for (const ComparedRow& row : rows) {
    const bool another = last == nullptr || row.id != last->id || row.scenario_file != last->scenario_file;
    if (row.above_peak && another) above_peak.push_back({row.id, *row.above_peak});
    last = &row;
  }
  std::string text;
  if (!above_peak.empty())
    text += fmt::format("  left out, because no device does that: {} row{}: {}\n", above_peak.size(),
                        above_peak.size() == 1 ? "" : "s", to_string(above_peak));
  const ErrorSummary outcomes = summarise(rows, Quantity::outcome);
  if (outcomes.tight > 0)
    text += fmt::format("  {} of {} outcomes predicted tight: it may run; counted as right\n", outcomes.tight,
                        outcomes.rows);
  return text;
}

std::string error_table(const std::vector<ComparedRow>& rows) {
  Table table{{{"error", Align::left},
               {"rows"},
               {"mean %"},
               {"row out %"},
               {"table out %"},
               {"median %"},
               {"largest %"},
               {"bias %"},
               {"impossible"}},
              {}};
  for (const Quantity quantity : kQuantities) {
    const ErrorSummary summary = summarise(rows, quantity);
    if (summary.rows + summary.not_predicted + summary.above_peak == 0) continue;
    table.rows.push_back({to_string(quantity), fmt::format("{}", summary.rows),
                          percent_or_dash(summary, summary.mean), percent_or_dash(summary.row_left_out),
                          percent_or_dash(summary.table_left_out), percent_or_dash(summary, summary.median),
                          percent_or_dash(summary, summary.largest), bias_or_dash(summary),
                          fmt::format("{}", summary.not_predicted)});
  }
  return to_text(table) + error_notes(rows);
}

std::string ranking_table(const std::vector<RankingGroup>& groups) {
  Table table{{{"model", Align::left},
               {"layers"},
               {"seq"},
               {"devices"},
               {"GHz"},
               {"recompute", Align::left},
               {"rows"},
               {"fastest found", Align::left},
               {"regret %"},
               {"tau"},
               {"pairs over 5 %"},
               {"right"}},
              {}};
  for (const RankingGroup& group : groups) {
    const RankingQuality& quality = group.quality;
    table.rows.push_back({group.model, fmt::format("{}", group.layers), fmt::format("{}", group.seq_length),
                          fmt::format("{}", group.devices),
                          group.clock_hz > 0 ? fmt::format("{:g}", group.clock_hz / 1e9) : "-",
                          group.recompute.value_or("(all)"), fmt::format("{}", group.rows),
                          quality.fastest_found ? "yes" : "no", format_percent(quality.regret),
                          std::isnan(quality.kendall_tau) ? "-" : fmt::format("{:.2f}", quality.kendall_tau),
                          fmt::format("{}", quality.pairs_over_5_percent),
                          fmt::format("{}", quality.concordant_over_5_percent)});
  }
  return to_text(table);
}

// Rows that no number may hide: they ran, and are predicted not to; or cannot have run as stated.
std::string contradictions(const std::vector<ComparedRow>& rows) {
  std::string text;
  for (const ComparedRow& row : rows) {
    if (row.above_peak) {
      if (row.quantity == Quantity::iteration_time_s)
        text += fmt::format("  {}: above peak: {:.0f} % of the device's; left out\n", row.id,
                            100 * *row.above_peak);
    } else if (!row.failure.empty()) {
      text += fmt::format("  {} {}: predicted to be impossible: {}\n", row.id, to_string(row.quantity),
                          row.failure);
    } else if (row.quantity == Quantity::iteration_time_s && row.fit == Fit::exceeds) {
      text += fmt::format("  {}: ran, but is predicted not to fit in memory\n", row.id);
    }
  }
  return text;
}

std::string tau_line(const std::vector<RankingGroup>& groups) {
  std::string text;
  for (const bool split : {false, true}) {
    const double tau = mean_kendall_tau(groups, split);
    if (std::isnan(tau)) continue;
    text += fmt::format("  mean Kendall tau {:.2f} over groups of {}\n", tau,
                        split ? "equal recompute" : "all rows");
  }
  return text;
}

// "3 + 1": fitted and tuned.
std::string chosen_cell(std::span<const ProfileUse> profiles) {
  const ChosenCount count = count_chosen(profiles);
  return fmt::format("{} + {}", count.fitted, count.tuned);
}

// "5 of 5, 1 tight"
std::string outcome_cell(const ErrorSummary& outcome) {
  if (outcome.rows == 0) return "-";
  const int64_t wrong = std::llround(outcome.mean * static_cast<double>(outcome.rows));
  const std::string tight = outcome.tight > 0 ? fmt::format(", {} tight", outcome.tight) : "";
  return fmt::format("{} of {}{}", outcome.rows - wrong, outcome.rows, tight);
}

std::vector<std::string> overview_row(const Validation& table, const std::string& label) {
  const ErrorSummary time = summarise(table.rows, Quantity::iteration_time_s);
  const ErrorSummary memory = summarise(table.rows, Quantity::peak_memory_mib);
  const ErrorSummary outcome = summarise(table.rows, Quantity::outcome);
  const double tau = mean_kendall_tau(table.ranking, false);
  return {label,
          fmt::format("{}", time.rows),
          percent_or_dash(time, time.mean),
          percent_or_dash(time.row_left_out),
          percent_or_dash(time.table_left_out),
          percent_or_dash(time, time.largest),
          bias_or_dash(time),
          fmt::format("{}", memory.rows),
          percent_or_dash(memory, memory.mean),
          percent_or_dash(memory.table_left_out),
          percent_or_dash(memory, memory.largest),
          outcome_cell(outcome),
          std::isnan(tau) ? "-" : fmt::format("{:.2f}", tau),
          chosen_cell(table.profiles)};
}

// Constants fitted, and what `calibrate` noted: on how many rows, with what mean error, and with what error
// on each row when it was left out of the fit.
std::string profile_table(const std::vector<ProfileUse>& profiles) {
  Table table{{{"profile", Align::left},
               {"name", Align::left},
               {"constants"},
               {"fitted + tuned"},
               {"rows here"},
               {"fitted on rows"},
               {"mean %"},
               {"left out %"}},
              {}};
  for (const ProfileUse& use : profiles) {
    std::vector<std::string> row = {use.kind,
                                    use.name,
                                    fmt::format("{}", use.constants),
                                    chosen_cell({&use, 1}),
                                    fmt::format("{}", use.rows),
                                    "-",
                                    "-",
                                    "-"};
    if (use.calibration) {
      row[5] = fmt::format("{}", use.calibration->rows);
      row[6] = format_percent(use.calibration->mean_abs_error);
      if (use.calibration->leave_one_out_error)
        row[7] = format_percent(*use.calibration->leave_one_out_error);
    }
    table.rows.push_back(std::move(row));
  }
  const ChosenCount count = count_chosen(profiles);
  return to_text(table) +
         fmt::format(
             "  constants chosen by looking at rows: {} fitted + {} tuned = {}; shared ones count once\n",
             count.fitted, count.tuned, count.fitted + count.tuned);
}

std::string scenario_report(const Validation& validation, const std::string& label) {
  std::string text = fmt::format("{}\n{}", label, row_table(validation.rows));
  const std::string contradicted = contradictions(validation.rows);
  if (!contradicted.empty()) text += fmt::format("\n{}", contradicted);
  text += fmt::format("\n{}", error_table(validation.rows));
  if (!validation.ranking.empty())
    text += fmt::format("\n{}{}", ranking_table(validation.ranking), tau_line(validation.ranking));
  return text + "\n";
}

// What several scenarios give together: errors per quantity, mean tau, constants chosen by rows.
std::string summary_report(const Validation& all) {
  return fmt::format("together\n{}{}\n{}", error_table(all.rows), tau_line(all.ranking),
                     profile_table(all.profiles));
}

}  // namespace

std::string validation_report(std::span<const Validation> parts) {
  const std::vector<std::string> names = labels(parts);
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i)
    if (!parts[i].rows.empty()) text += scenario_report(parts[i], names[i]);
  return text + summary_report(together(parts));
}

std::string validation_overview(std::span<const Validation> parts) {
  Table overview{{{"table", Align::left},
                  {"time rows"},
                  {"mean %"},
                  {"row out %"},
                  {"table out %"},
                  {"largest %"},
                  {"bias %"},
                  {"memory rows"},
                  {"mean %"},
                  {"table out %"},
                  {"largest %"},
                  {"oom/ok right"},
                  {"tau"},
                  {"fitted + tuned"}},
                 {}};
  const std::vector<std::string> names = labels(parts);
  for (size_t i = 0; i < parts.size(); ++i)
    if (!parts[i].rows.empty()) overview.rows.push_back(overview_row(parts[i], names[i]));
  return to_text(overview) + "\n" + summary_report(together(parts));
}

}  // namespace paraplan
