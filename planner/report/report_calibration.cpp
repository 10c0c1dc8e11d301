#include "planner/report/report_calibration.h"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "costmodel/io/text/suggestion.h"
#include "planner/calibrate/calibration_summary.h"
#include "planner/report/json.h"
#include "planner/report/table.h"

namespace paraplan {
namespace {

constexpr double kFarFromStart = 10;

std::string note(const CalibratedConstant& c) {
  std::vector<std::string> notes;
  if (!c.determined()) notes.emplace_back("not determined");
  const double factor = c.fitted / c.target.start;
  if (std::isfinite(factor) && factor > kFarFromStart)
    notes.push_back(fmt::format("{:.3g} times its start: it may stand for something else", factor));
  if (c.at_bound) notes.emplace_back("at its bound");
  for (size_t i = 1; i < c.target.profiles.size(); ++i) notes.push_back("also of " + c.target.profiles[i]);
  return comma_separated(notes);
}

std::string constant_table(const std::vector<CalibratedConstant>& constants) {
  Table table{{{"constant", Align::left},
               {"start"},
               {"fitted"},
               {"std error"},
               {"relative %"},
               {"rows"},
               {"note", Align::left}},
              {}};
  for (const CalibratedConstant& c : constants) {
    const bool finite = std::isfinite(c.standard_error);
    table.rows.push_back({c.target.name(), fmt::format("{:.5g}", c.target.start),
                          fmt::format("{:.5g}", c.fitted),
                          finite ? fmt::format("{:.2g}", c.standard_error) : "-",
                          finite ? format_percent(c.relative_standard_error()) : "-",
                          fmt::format("{}", c.record.rows), note(c)});
  }
  return to_text(table);
}

std::string unfitted_table(const std::vector<UnfittedConstant>& constants) {
  Table table{{{"not fitted", Align::left}, {"value"}, {"kind", Align::left}, {"because", Align::left}}, {}};
  for (const UnfittedConstant& c : constants) {
    table.rows.push_back({c.target.name(), fmt::format("{:.5g}", c.target.start),
                          c.target.absent ? "-" : to_string(c.target.provenance), c.reason});
  }
  return to_text(table);
}

std::string format_quantity(Quantity quantity, double value) {
  return quantity == Quantity::peak_memory_mib ? format_bytes(value) : format_time(value);
}

std::string outlier_line(const CalibratedRow& row) {
  return fmt::format(
      "  outlier, not fitted: {} {}: {} {} measured, {} predicted ({} with the profiles as they were), "
      "{:.3g} times as much\n",
      row.scenario, row.id, to_string(row.quantity), format_quantity(row.quantity, row.measured),
      format_quantity(row.quantity, row.after), format_quantity(row.quantity, row.before),
      row.measured / row.after);
}

std::string summary_line(const CalibrationErrors& e) {
  std::string line =
      fmt::format("  {} of {} rows: off by {} % on average before, {} % fitted", to_string(e.quantity),
                  e.rows, format_percent(e.before.mean), format_percent(e.after.mean));
  if (!std::isnan(e.left_out.mean))
    line += fmt::format(", {} % where the row is left out of the fit", format_percent(e.left_out.mean));
  return line + "\n";
}

std::string percent_cell(double fraction) {
  return std::isnan(fraction) ? "-" : format_percent(fraction);
}

std::string error_table(const std::string& title, const std::vector<CalibrationErrors>& groups) {
  Table table{{{title, Align::left},
               {"quantity", Align::left},
               {"rows"},
               {"mean %"},
               {"median %"},
               {"largest %"},
               {"fitted: mean %"},
               {"median %"},
               {"largest %"},
               {"left out: mean %"},
               {"largest %"}},
              {}};
  for (const CalibrationErrors& e : groups) {
    table.rows.push_back({e.group, to_string(e.quantity), fmt::format("{}", e.rows),
                          percent_cell(e.before.mean), percent_cell(e.before.median),
                          percent_cell(e.before.largest), percent_cell(e.after.mean),
                          percent_cell(e.after.median), percent_cell(e.after.largest),
                          percent_cell(e.left_out.mean), percent_cell(e.left_out.largest)});
  }
  return to_text(table);
}

// JSON has no infinity or NaN.
Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json sizes_object(const ErrorSizes& sizes) {
  return {{"mean", number(sizes.mean)}, {"median", number(sizes.median)}, {"largest", number(sizes.largest)}};
}

Json error_array(const std::vector<CalibrationErrors>& groups) {
  Json array = Json::array();
  for (const CalibrationErrors& e : groups) {
    array.push_back({{"group", e.group},
                     {"quantity", to_string(e.quantity)},
                     {"rows", e.rows},
                     {"before", sizes_object(e.before)},
                     {"after", sizes_object(e.after)},
                     {"left_out", sizes_object(e.left_out)}});
  }
  return array;
}

Json constant_object(const CalibratedConstant& c) {
  return {{"constant", c.target.name()},
          {"profiles", c.target.profiles},
          {"start", c.target.start},
          {"fitted", c.fitted},
          {"standard_error", number(c.standard_error)},
          {"relative_standard_error", number(c.relative_standard_error())},
          {"determined", c.determined()},
          {"at_bound", c.at_bound},
          {"rows", c.record.rows}};
}

Json unfitted_object(const UnfittedConstant& c) {
  return {{"constant", c.target.name()},
          {"value", c.target.start},
          {"kind", to_string(c.target.provenance)},
          {"reason", c.reason}};
}

Json row_object(const CalibratedRow& row) {
  return {{"scenario", row.scenario},        {"id", row.id},         {"quantity", to_string(row.quantity)},
          {"measured", row.measured},        {"before", row.before}, {"after", row.after},
          {"left_out", number(row.left_out)}};
}

Json outlier_object(const CalibratedRow& row) {
  Json object = row_object(row);
  object["factor"] = row.measured / row.after;
  return object;
}

template <class T>
Json array_of(const std::vector<T>& values, Json (*object)(const T&)) {
  Json array = Json::array();
  for (const T& value : values) array.push_back(object(value));
  return array;
}

Json excluded_object(const ExcludedRow& row) {
  return {{"scenario", row.scenario}, {"id", row.id}, {"reason", row.reason}};
}

}  // namespace

std::string calibration_report(const Calibration& calibration) {
  std::string text;
  if (!calibration.constants.empty()) text += constant_table(calibration.constants) + "\n";
  if (!calibration.unfitted.empty()) text += unfitted_table(calibration.unfitted) + "\n";
  text += fmt::format("{}\n{}\n{}\n", error_table("scenario", errors_by_scenario(calibration)),
                      error_table("software", errors_by_software(calibration)),
                      error_table("together", errors_over_all(calibration)));
  for (const ExcludedRow& row : calibration.excluded)
    text += fmt::format("  not fitted: {} {}: {}\n", row.scenario, row.id, row.reason);
  for (const CalibratedRow& row : calibration.outliers) text += outlier_line(row);
  for (const std::string& note : calibration.notes) text += fmt::format("  {}\n", note);
  for (const CalibrationErrors& errors : errors_over_all(calibration)) text += summary_line(errors);
  if (!calibration.failure.empty()) text += fmt::format("  no profile is written: {}\n", calibration.failure);
  return text;
}

std::string calibration_json(const Calibration& calibration) {
  const std::string& failure = calibration.failure;
  const Json document = {{"constants", array_of(calibration.constants, constant_object)},
                         {"not_fitted", array_of(calibration.unfitted, unfitted_object)},
                         {"iterations", calibration.iterations},
                         {"converged", calibration.converged},
                         {"failure", failure.empty() ? Json(nullptr) : Json(failure)},
                         {"notes", calibration.notes},
                         {"scenarios", error_array(errors_by_scenario(calibration))},
                         {"software", error_array(errors_by_software(calibration))},
                         {"together", error_array(errors_over_all(calibration))},
                         {"rows", array_of(calibration.rows, row_object)},
                         {"outliers", array_of(calibration.outliers, outlier_object)},
                         {"excluded", array_of(calibration.excluded, excluded_object)}};
  return document.dump(2) + "\n";
}

}  // namespace paraplan
