#include "planner/report/comparison_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "planner/report/json.h"
#include "planner/report/table.h"

namespace paraplan {
namespace {

// "+1.20 ms"
std::string signed_time(double seconds) {
  return (seconds > 0 ? "+" : "") + format_time(seconds);
}

std::string signed_bytes(double bytes) {
  return (bytes > 0 ? "+" : "") + format_bytes(bytes);
}

std::string head(const Comparison& comparison, const RunRecord& run) {
  const ComparedValue& time = comparison.iteration_time_s;
  const auto counted = static_cast<int64_t>(run.steps.size()) - run.warmup_steps;
  return fmt::format(
      "{} on {} ({}, {})\nlayout  {}\n\n  time per step    predicted {}, measured {} (median of {} steps, "
      "spread "
      "{}); error {} %\n",
      run.scenario, run.machine, run.device, run.transport, to_string(run.layout),
      format_time(time.predicted), format_time(time.measured), std::max(counted, int64_t{0}),
      format_time(comparison.spread_s), format_signed_percent(time.relative_error()));
}

// The profile's only where it is known: most were not measured here.
std::string load_lines(const Comparison& comparison) {
  std::string text = fmt::format("  machine load     {}\n", load_text(comparison.run_load));
  if (comparison.profile_load)
    text += fmt::format("  profile's load   {}\n", load_text(comparison.profile_load));
  return text;
}

std::vector<std::string> time_cells(const std::string& title, const ComparedValue& seconds, double step_s) {
  return {title, format_time(seconds.predicted), format_time(seconds.measured),
          signed_time(seconds.difference()), format_signed_percent(seconds.difference() / step_s)};
}

std::string time_table(const Comparison& comparison) {
  Table table{{{fmt::format("time of rank {}", comparison.pacing_rank), Align::left},
               {"predicted"},
               {"measured"},
               {"difference"},
               {"% of step"}},
              {}};
  const double step_s = comparison.iteration_time_s.measured;
  for (const ComparedTime& row : comparison.times)
    table.rows.push_back(time_cells(to_string(row.category), row.seconds, step_s));
  table.rows.push_back(time_cells("step", comparison.iteration_time_s, step_s));
  return to_text(table);
}

std::vector<std::string> memory_cells(const std::string& title, const ComparedValue& bytes) {
  const double error = bytes.relative_error();
  return {title, format_bytes(bytes.predicted), format_bytes(bytes.measured),
          signed_bytes(bytes.difference()), std::isnan(error) ? "-" : format_signed_percent(error)};
}

std::string memory_table(const Comparison& comparison) {
  Table table{{{fmt::format("memory of rank {}", comparison.fullest_rank), Align::left},
               {"predicted"},
               {"measured"},
               {"difference"},
               {"error %"}},
              {}};
  for (const ComparedMemory& row : comparison.memory)
    table.rows.push_back(memory_cells(to_string(row.category), row.bytes));
  table.rows.push_back(memory_cells("peak", comparison.peak_bytes));
  return to_text(table) + fmt::format("  the rank's allocator held {}, its process {}\n",
                                      format_bytes(comparison.reserved_bytes),
                                      format_bytes(comparison.resident_bytes));
}

std::string op_table(const Comparison& comparison, size_t most_ops) {
  Table table{{{fmt::format("op of stage {}", comparison.pacing_stage), Align::left},
               {"category", Align::left},
               {"calls"},
               {"predicted"},
               {"measured"},
               {"difference"},
               {"price", Align::left}},
              {}};
  const size_t shown = most_ops == 0 ? comparison.ops.size() : std::min(most_ops, comparison.ops.size());
  for (size_t i = 0; i < shown; ++i) {
    const ComparedOp& op = comparison.ops[i];
    const OpTime& named = op.either();
    table.rows.push_back(
        {fmt::format("{} {} {}", to_string(named.key.block), to_string(named.key.walk), named.name),
         to_string(named.category), fmt::format("{}", named.calls),
         op.predicted ? format_time(op.predicted->seconds) : "-",
         op.measured ? format_time(op.measured->seconds) : "-", signed_time(op.seconds().difference()),
         op.predicted ? to_string(op.predicted->origin) : "-"});
  }
  std::string text = to_text(table);
  const size_t hidden = comparison.ops.size() - shown;
  if (hidden > 0)
    text += fmt::format("  {} more {} not shown (--ops 0 shows all)\n", hidden,
                        hidden == 1 ? "op is" : "ops are");
  return text;
}

Json value_object(const ComparedValue& value) {
  const double error = value.relative_error();
  return {{"predicted", value.predicted},
          {"measured", value.measured},
          {"difference", value.difference()},
          {"relative_error", std::isnan(error) ? Json(nullptr) : Json(error)}};
}

// One side of an op; null where the side does not know it.
Json op_side(const std::optional<OpTime>& op) {
  if (!op) return nullptr;
  return {{"calls", op->calls}, {"seconds", op->seconds}, {"origin", to_string(op->origin)}};
}

Json op_object(const ComparedOp& op) {
  const OpTime& named = op.either();
  return {{"block", to_string(named.key.block)},
          {"pass", to_string(named.key.walk)},
          {"index", named.key.index},
          {"name", named.name},
          {"kind", named.kind},
          {"category", to_string(named.category)},
          {"predicted", op_side(op.predicted)},
          {"measured", op_side(op.measured)},
          {"difference", op.seconds().difference()}};
}

}  // namespace

std::string comparison_report(const Comparison& comparison, const RunRecord& run, size_t most_ops) {
  return fmt::format("{}{}\n{}\n{}\n{}\n{}\n", head(comparison, run), load_lines(comparison),
                     time_table(comparison), op_table(comparison, most_ops), memory_table(comparison),
                     largest_cause(comparison));
}

std::string comparison_json(const Comparison& comparison, const RunRecord& run) {
  Json document = {{"scenario", run.scenario},
                   {"digest", run.digest},
                   {"device", run.device},
                   {"transport", run.transport},
                   {"machine", run.machine},
                   {"date", run.date},
                   {"complete", run.complete},
                   {"layout", layout_object(run.layout)},
                   {"iteration_time_s", value_object(comparison.iteration_time_s)},
                   {"spread_s", comparison.spread_s},
                   {"fastest_step_s", comparison.fastest_s},
                   {"machine_load", load_object(comparison.run_load)},
                   {"profile_machine_load", load_object(comparison.profile_load)},
                   {"cause", largest_cause(comparison)},
                   {"pacing_rank", comparison.pacing_rank},
                   {"pacing_stage", comparison.pacing_stage},
                   {"breakdown", Json::object()},
                   {"ops", Json::array()},
                   {"fullest_rank", comparison.fullest_rank},
                   {"fullest_stage", comparison.fullest_stage},
                   {"peak_memory_bytes", value_object(comparison.peak_bytes)},
                   {"memory", Json::object()},
                   {"reserved_bytes", comparison.reserved_bytes},
                   {"resident_bytes", comparison.resident_bytes}};
  for (const ComparedTime& row : comparison.times)
    document["breakdown"][to_string(row.category)] = value_object(row.seconds);
  for (const ComparedOp& op : comparison.ops) document["ops"].push_back(op_object(op));
  for (const ComparedMemory& row : comparison.memory)
    document["memory"][to_string(row.category)] = value_object(row.bytes);
  return document.dump(2) + "\n";
}

}  // namespace paraplan
