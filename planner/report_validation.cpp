#include "planner/report_validation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "planner/table.h"

namespace paraplan {
namespace {

std::string value_cell(Quantity quantity, double value) {
  if (std::isnan(value)) return "impossible";
  if (quantity == Quantity::outcome) return value == 1 ? "ok" : "oom";
  return quantity == Quantity::peak_memory_mib ? fmt::format("{:.0f}", value) : fmt::format("{:.4g}", value);
}

std::string error_cell(const ComparedRow& row) {
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
    cell[1] = value_cell(row.quantity, row.predicted);
    cell[2] = error_cell(row);
  }
  return to_text(table);
}

// "3.0", or a dash when there are no rows.
std::string percent_or_dash(const ErrorSummary& summary, double value) {
  return summary.rows == 0 ? "-" : format_percent(value);
}

std::string bias_or_dash(const ErrorSummary& summary) {
  return summary.rows == 0 ? "-" : format_signed_percent(summary.bias);
}

std::string error_table(const std::vector<ComparedRow>& rows) {
  Table table{
      {{"error", Align::left}, {"rows"}, {"mean %"}, {"median %"}, {"largest %"}, {"bias %"}, {"impossible"}},
      {}};
  for (const Quantity quantity : kQuantities) {
    const ErrorSummary summary = summarise(rows, quantity);
    if (summary.rows + summary.not_predicted == 0) continue;
    table.rows.push_back({to_string(quantity), fmt::format("{}", summary.rows),
                          percent_or_dash(summary, summary.mean), percent_or_dash(summary, summary.median),
                          percent_or_dash(summary, summary.largest), bias_or_dash(summary),
                          fmt::format("{}", summary.not_predicted)});
  }
  return to_text(table);
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

// Rows that no number may hide: they ran, and are predicted not to.
std::string contradictions(const std::vector<ComparedRow>& rows) {
  std::string text;
  for (const ComparedRow& row : rows) {
    if (!row.failure.empty()) {
      text += fmt::format("  {} {}: predicted to be impossible: {}\n", row.id, to_string(row.quantity),
                          row.failure);
    } else if (row.quantity == Quantity::iteration_time_s && !row.fits) {
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

int64_t fitted_constants(const Validation& table) {
  int64_t fitted = 0;
  for (const ProfileUse& use : table.profiles) fitted += use.fitted;
  return fitted;
}

std::vector<std::string> overview_row(const Validation& table) {
  const ErrorSummary time = summarise(table.rows, Quantity::iteration_time_s);
  const ErrorSummary memory = summarise(table.rows, Quantity::peak_memory_mib);
  const ErrorSummary outcome = summarise(table.rows, Quantity::outcome);
  const int64_t wrong = std::llround(outcome.mean * static_cast<double>(outcome.rows));
  const double tau = mean_kendall_tau(table.ranking, false);
  return {table.rows.front().scenario,
          fmt::format("{}", time.rows),
          percent_or_dash(time, time.mean),
          percent_or_dash(time, time.largest),
          bias_or_dash(time),
          fmt::format("{}", memory.rows),
          percent_or_dash(memory, memory.mean),
          percent_or_dash(memory, memory.largest),
          outcome.rows == 0 ? "-" : fmt::format("{} of {}", outcome.rows - wrong, outcome.rows),
          std::isnan(tau) ? "-" : fmt::format("{:.2f}", tau),
          fmt::format("{}", fitted_constants(table))};
}

// Constants fitted, and what `calibrate` noted: on how many rows, with what mean error, and with what error
// on each row when it was left out of the fit.
std::string profile_table(const std::vector<ProfileUse>& profiles) {
  Table table{{{"profile", Align::left},
               {"name", Align::left},
               {"constants"},
               {"fitted"},
               {"rows here"},
               {"fitted on rows"},
               {"mean %"},
               {"left out %"}},
              {}};
  for (const ProfileUse& use : profiles) {
    std::vector<std::string> row = {use.kind,
                                    use.name,
                                    fmt::format("{}", use.constants),
                                    fmt::format("{}", use.fitted),
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
  return to_text(table);
}

}  // namespace

std::string validation_report(const Validation& validation) {
  if (validation.rows.empty()) return "";
  std::string text = fmt::format("{}\n{}", validation.rows.front().scenario, row_table(validation.rows));
  const std::string contradicted = contradictions(validation.rows);
  if (!contradicted.empty()) text += fmt::format("\n{}", contradicted);
  text += fmt::format("\n{}", error_table(validation.rows));
  if (!validation.ranking.empty())
    text += fmt::format("\n{}{}", ranking_table(validation.ranking), tau_line(validation.ranking));
  return text + "\n";
}

std::string validation_overview(std::span<const Validation> tables) {
  Table overview{{{"table", Align::left},
                  {"time rows"},
                  {"mean %"},
                  {"largest %"},
                  {"bias %"},
                  {"memory rows"},
                  {"mean %"},
                  {"largest %"},
                  {"oom/ok right"},
                  {"tau"},
                  {"fitted"}},
                 {}};
  for (const Validation& table : tables)
    if (!table.rows.empty()) overview.rows.push_back(overview_row(table));
  return to_text(overview) + "\n";
}

std::string validation_summary(const Validation& all) {
  return fmt::format("together\n{}{}\n{}", error_table(all.rows), tau_line(all.ranking),
                     profile_table(all.profiles));
}

}  // namespace paraplan
