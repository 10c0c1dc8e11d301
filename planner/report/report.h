#pragma once

#include <string>
#include <vector>

#include "planner/report/table.h"
#include "planner/search/search.h"
#include "planner/search/whole_run.h"

namespace paraplan {

// Text for a terminal.

// Who computes what, where: one line that heads every report.
std::string scenario_line(const Scenario& scenario);

std::string plan_report(const Scenario& scenario, const PlanResult& plan, const RunGoals& goals = {});
std::string prediction_report(const Scenario& scenario, const Prediction& prediction);

// JSON documents, each ending in a line break. Numbers are SI.

// As `predict --json` prints it.
std::string prediction_json(const Scenario& scenario, const Prediction& prediction);
std::string plan_json(const Scenario& scenario, const PlanResult& plan, const RunGoals& goals = {});

// "context and offload searched, too: check that the framework has them"
std::string widened_text(const std::vector<std::string>& settings);

// What "MFU" counts of the model's attention, as a line; empty for a bidirectional model, which masks
// nothing.
std::string mfu_line(const ModelSpec& model);

// Columns that name a layout: d m p mb v recompute sp ZeRO, and context, schedule, offload where a layout
// uses them. Appends the columns to `table` and to each of its rows the cells of the layout of the same
// index; a null pointer gives dashes.
void append_layout_columns(Table& table, const std::vector<const Layout*>& layouts);

// Fraction of the step in all exposed communication.
double exposed_communication_s(const Breakdown& breakdown);

}  // namespace paraplan
