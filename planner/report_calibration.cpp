#include "planner/report_calibration.h"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "costmodel/io/suggestion.h"
#include "planner/calibration_summary.h"
#include "planner/json.h"
#include "planner/table.h"

namespace paraplan {
namespace {

std::string note(const CalibratedConstant& c) {
  std::vector<std::string> notes;
  if (!c.used) notes.emplace_back("no row depends on it");
  if (c.used && !c.determined()) notes.emplace_back("not determined");
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
    const bool finite = std::isfinite(c.relative_standard_error);
    table.rows.push_back({c.target.name(), fmt::format("{:.5g}", c.target.start),
                          fmt::format("{:.5g}", c.fitted),
                          finite ? fmt::format("{:.2g}", c.fitted * c.relative_standard_error) : "-",
                          finite ? format_percent(c.relative_standard_error) : "-",
                          fmt::format("{}", c.record.rows), note(c)});
  }
  return to_text(table);
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
          {"standard_error", number(c.fitted * c.relative_standard_error)},
          {"relative_standard_error", number(c.relative_standard_error)},
          {"determined", c.determined()},
          {"used", c.used},
          {"at_bound", c.at_bound},
          {"rows", c.record.rows}};
}

Json row_object(const CalibratedRow& row) {
  return {{"scenario", row.scenario},        {"id", row.id},         {"quantity", to_string(row.quantity)},
          {"measured", row.measured},        {"before", row.before}, {"after", row.after},
          {"left_out", number(row.left_out)}};
}

}  // namespace

std::string calibration_report(const Calibration& calibration) {
  std::string text = constant_table(calibration.constants);
  if (!calibration.converged)
    text +=
        fmt::format("  not converged after {} iterations; no profile is written\n", calibration.iterations);
  text += fmt::format("\n{}\n{}\n{}", error_table("scenario", errors_by_scenario(calibration)),
                      error_table("software", errors_by_software(calibration)),
                      error_table("together", errors_over_all(calibration)));
  for (const ExcludedRow& row : calibration.excluded)
    text += fmt::format("  not fitted: {} {}: {}\n", row.scenario, row.id, row.reason);
  return text;
}

std::string calibration_json(const Calibration& calibration) {
  Json document = {{"constants", Json::array()},
                   {"iterations", calibration.iterations},
                   {"converged", calibration.converged},
                   {"scenarios", error_array(errors_by_scenario(calibration))},
                   {"software", error_array(errors_by_software(calibration))},
                   {"together", error_array(errors_over_all(calibration))},
                   {"rows", Json::array()},
                   {"excluded", Json::array()}};
  for (const CalibratedConstant& c : calibration.constants)
    document["constants"].push_back(constant_object(c));
  for (const CalibratedRow& row : calibration.rows) document["rows"].push_back(row_object(row));
  for (const ExcludedRow& row : calibration.excluded)
    document["excluded"].push_back({{"scenario", row.scenario}, {"id", row.id}, {"reason", row.reason}});
  return document.dump(2) + "\n";
}

}  // namespace paraplan
