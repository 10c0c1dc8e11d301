#include "planner/report/json.h"
#include "planner/report/report_validation.h"

namespace paraplan {
namespace {

Json row_object(const ComparedRow& row) {
  const bool outcome = row.quantity == Quantity::outcome;
  Json object = {{"scenario", row.scenario},
                 {"scenario_file", row.scenario_file},
                 {"id", row.id},
                 {"quantity", to_string(row.quantity)},
                 {"measured", outcome ? Json(row.measured == 1 ? "ok" : "oom") : Json(row.measured)},
                 {"predicted", outcome ? Json(predicted_outcome(row)) : Json(row.predicted)},
                 {"relative_error", row.relative_error},
                 {"fits", row.failure.empty() && row.fit == Fit::fits},
                 {"tight", row.failure.empty() && row.fit == Fit::tight}};
  if (row.row_left_out) object["row_left_out_error"] = *row.row_left_out;
  if (row.table_left_out) object["table_left_out_error"] = *row.table_left_out;
  if (row.above_peak) object["above_peak"] = *row.above_peak;
  if (!row.failure.empty()) object["failure"] = row.failure;
  return object;
}

// Quantities that no row holds are left out; without a prediction there is no error, not one of 0.
Json summary_object(const std::vector<ComparedRow>& rows) {
  Json object = Json::object();
  for (const Quantity quantity : kQuantities) {
    const ErrorSummary summary = summarise(rows, quantity);
    if (summary.rows + summary.not_predicted + summary.above_peak == 0) continue;
    const auto error = [&](double value) { return summary.rows > 0 ? Json(value) : Json(); };
    object[to_string(quantity)] = {{"rows", summary.rows},
                                   {"not_predicted", summary.not_predicted},
                                   {"above_peak", summary.above_peak},
                                   {"mean_absolute_relative_error", error(summary.mean)},
                                   {"median_absolute_relative_error", error(summary.median)},
                                   {"largest_absolute_relative_error", error(summary.largest)},
                                   {"bias", error(summary.bias)}};
    if (summary.row_left_out) object[to_string(quantity)]["mean_row_left_out"] = *summary.row_left_out;
    if (summary.table_left_out) object[to_string(quantity)]["mean_table_left_out"] = *summary.table_left_out;
    if (quantity == Quantity::outcome) object[to_string(quantity)]["tight"] = summary.tight;
  }
  return object;
}

Json scenario_summaries(std::span<const Validation> parts) {
  const std::vector<std::string> names = labels(parts);
  Json object = Json::object();
  for (size_t i = 0; i < parts.size(); ++i)
    if (!parts[i].rows.empty()) object[names[i]] = summary_object(parts[i].rows);
  return object;
}

Json group_object(const RankingGroup& group) {
  const RankingQuality& quality = group.quality;
  Json object = {{"scenario", group.scenario},     {"scenario_file", group.scenario_file},
                 {"model", group.model},           {"layers", group.layers},
                 {"seq_length", group.seq_length}, {"devices", group.devices},
                 {"clock_ghz", nullptr},           {"recompute", nullptr}};
  if (group.clock_hz > 0) object["clock_ghz"] = group.clock_hz / 1e9;
  if (group.recompute) object["recompute"] = *group.recompute;
  object["rows"] = group.rows;
  object["fastest_found"] = quality.fastest_found;
  object["regret"] = quality.regret;
  object["kendall_tau"] = quality.kendall_tau;
  object["pairs"] = quality.pairs;
  object["pairs_over_5_percent"] = quality.pairs_over_5_percent;
  object["concordant_over_5_percent"] = quality.concordant_over_5_percent;
  return object;
}

Json chosen_object(const ChosenConstant& chosen) {
  return {{"key", chosen.key},
          {"kind", to_string(chosen.constant.provenance)},
          {"tables", chosen.constant.tables},
          {"source", chosen.constant.source}};
}

Json profile_object(const ProfileUse& use) {
  const ChosenCount count = count_chosen({&use, 1});
  Json object = {{"kind", use.kind},       {"name", use.name},     {"constants", use.constants},
                 {"fitted", count.fitted}, {"tuned", count.tuned}, {"chosen", Json::array()},
                 {"rows", use.rows}};
  for (const ChosenConstant& chosen : use.chosen) object["chosen"].push_back(chosen_object(chosen));
  if (!use.calibration) return object;
  const CalibrationRecord& calibration = *use.calibration;
  object["calibration"] = {{"tables", calibration.tables},
                           {"rows", calibration.rows},
                           {"mean_absolute_relative_error", calibration.mean_abs_error},
                           {"leave_one_out_error", nullptr}};
  if (calibration.leave_one_out_error) {
    object["calibration"]["leave_one_out_error"] = *calibration.leave_one_out_error;
  }
  return object;
}

}  // namespace

std::string validation_json(std::span<const Validation> parts) {
  const Validation all = together(parts);
  const ChosenCount chosen = count_chosen(all.profiles);
  Json document = {{"rows", Json::array()},
                   {"summary", summary_object(all.rows)},
                   {"ranking", Json::array()},
                   {"mean_kendall_tau",
                    {{"all_rows", mean_kendall_tau(all.ranking, false)},
                     {"equal_recompute", mean_kendall_tau(all.ranking, true)}}},
                   {"scenarios", scenario_summaries(parts)},
                   {"chosen_constants", {{"fitted", chosen.fitted}, {"tuned", chosen.tuned}}},
                   {"profiles", Json::array()}};
  for (const ComparedRow& row : all.rows) document["rows"].push_back(row_object(row));
  for (const RankingGroup& group : all.ranking) document["ranking"].push_back(group_object(group));
  for (const ProfileUse& use : all.profiles) document["profiles"].push_back(profile_object(use));
  return document.dump(2) + "\n";
}

}  // namespace paraplan
