#include <fmt/format.h>

#include <algorithm>

#include "planner/report/json.h"
#include "planner/report/report.h"
#include "planner/search/sweep.h"

namespace paraplan {
namespace {

const Prediction* best(const SweepPoint& point) {
  return point.plan.layouts.empty() ? nullptr : &point.plan.layouts.front().prediction;
}

// Why the point has no layout: its fault, the memory missing by the closest one, else the rule that rejected
// the most.
std::string obstacle(const SweepPoint& point) {
  if (!point.fault.empty()) return point.fault;
  const PlanResult& plan = point.plan;
  if (plan.closest) {
    const std::string remedy = plan.remedy ? fmt::format("; without {} {} would", plan.remedy->limit,
                                                         to_string(plan.remedy->layout.prediction.layout))
                                           : "";
    return fmt::format("nothing fits: {}, lacks {}{}", plan.closest_lack.reason,
                       format_bytes(plan.closest_lack.bytes), remedy);
  }
  const auto most = std::ranges::max_element(plan.rejected, {},
                                             [](const auto& rejection) { return rejection.second.layouts; });
  return most == plan.rejected.end() ? "no layout of these devices"
                                     : fmt::format("nothing fits: {}", most->first);
}

// What there is to say of a point beside its numbers.
std::string note(const SweepPoint& point) {
  if (best(point) == nullptr) return obstacle(point);
  return point.plan.widened.empty() ? "" : widened_text(point.plan.widened);
}

// One row per point, with the varied values.
Table varied_table(const std::vector<SweepPoint>& points) {
  Table table;
  for (const auto& [key, value] : points.front().values) table.columns.push_back({key});
  for (const SweepPoint& point : points) {
    auto& row = table.rows.emplace_back();
    for (const auto& [key, value] : point.values) row.push_back(value);
  }
  return table;
}

void append_cells(Table& table, size_t row, const std::vector<std::string>& cells) {
  table.rows[row].insert(table.rows[row].end(), cells.begin(), cells.end());
}

// Devices that the point uses, or has where nothing fits; empty for one at fault.
std::string devices_cell(const SweepPoint& point) {
  if (!point.fault.empty()) return "";
  const Prediction* prediction = best(point);
  return fmt::format("{}",
                     prediction != nullptr ? prediction->layout.devices() : point.scenario.cluster.devices());
}

// The column of the cost, where it is known in money or was the objective; else empty.
std::string cost_title(const std::vector<SweepPoint>& points) {
  const bool priced = std::ranges::all_of(points, [](const SweepPoint& point) {
    return !point.fault.empty() || point.scenario.cluster.price_per_device_hour > 0;
  });
  if (priced) return "price/sample";
  return points.front().plan.objective == Objective::cost ? "device-s/sample" : "";
}

bool uses_all_devices(const SweepPoint& point) {
  return point.plan.objective != Objective::cost || varies_devices(point);
}

// Which layouts the objective cost has compared; empty for other objectives.
std::string cost_note(const SweepPoint& point) {
  if (point.plan.objective != Objective::cost) return "";
  return uses_all_devices(point) ? "cost: of layouts on exactly the devices of each row\n"
                                 : "cost: a row may use fewer devices than its cluster has\n";
}

// Price of a sample, or device-seconds where the scenario names no price.
double cost_per_sample(const SweepPoint& point, const Prediction& prediction) {
  return objective_value(point.scenario, Objective::cost, prediction);
}

}  // namespace

std::string sweep_report(const std::vector<SweepPoint>& points) {
  Table table = varied_table(points);
  table.columns.push_back({"devices"});
  std::vector<const Layout*> layouts;
  for (size_t i = 0; i < points.size(); ++i) {
    const Prediction* prediction = best(points[i]);
    layouts.push_back(prediction != nullptr ? &prediction->layout : nullptr);
    const std::string devices = devices_cell(points[i]);
    append_cells(table, i, {devices.empty() ? "-" : devices});
  }
  append_layout_columns(table, layouts);
  for (const char* title : {"time/step", "samples/s", "tokens/s/GPU", "MFU %", "memory GiB"}) {
    table.columns.push_back({title});
  }
  const std::string cost = cost_title(points);
  if (!cost.empty()) table.columns.push_back({cost});
  table.columns.push_back({"", Align::left});
  for (size_t i = 0; i < points.size(); ++i) {
    const Prediction* p = best(points[i]);
    std::vector<std::string> cells(5, "-");
    if (p != nullptr) {
      cells = {format_time(p->iteration_time_s), fmt::format("{:.4g}", p->samples_per_s),
               fmt::format("{:.0f}", p->tokens_per_s_per_device), format_percent(p->mfu),
               format_gib(p->device_memory_bytes)};
    }
    if (!cost.empty())
      cells.push_back(p != nullptr ? fmt::format("{:.4g}", cost_per_sample(points[i], *p)) : "-");
    cells.push_back(note(points[i]));
    append_cells(table, i, cells);
  }
  const auto causal =
      std::ranges::find_if(points, [](const SweepPoint& point) { return point.scenario.model.causal(); });
  const std::string mfu = causal != points.end() ? "\n" + mfu_line(causal->scenario.model) : "";
  return to_text(table) + cost_note(points.front()) + mfu;
}

std::string sweep_csv(const std::vector<SweepPoint>& points) {
  Table table = varied_table(points);
  for (const char* title :
       {"devices", "fits", "layout", "iteration_time_s", "samples_per_s", "tokens_per_s_per_device", "mfu",
        "mfu_causal", "peak_memory_bytes", "device_memory_bytes", "cost_per_sample", "note"}) {
    table.columns.push_back({title});
  }
  for (size_t i = 0; i < points.size(); ++i) {
    const Prediction* p = best(points[i]);
    if (p == nullptr) {
      append_cells(table, i, {devices_cell(points[i]), "no"});
      append_cells(table, i, std::vector<std::string>(9));
      append_cells(table, i, {note(points[i])});
      continue;
    }
    append_cells(table, i, {devices_cell(points[i]), "yes", to_string(p->layout)});
    for (const double value :
         {p->iteration_time_s, p->samples_per_s, p->tokens_per_s_per_device, p->mfu, p->mfu_causal,
          p->peak_memory_bytes, p->device_memory_bytes, cost_per_sample(points[i], *p)}) {
      append_cells(table, i, {fmt::format("{}", value)});
    }
    append_cells(table, i, {note(points[i])});
  }
  return to_csv(table);
}

std::string sweep_json(const Scenario& scenario, const std::vector<SweepPoint>& points) {
  Json document = {{"scenario", scenario.name},
                   {"objective", to_string(points.front().plan.objective)},
                   {"all_devices_used", uses_all_devices(points.front())},
                   {"points", Json::array()}};
  for (const SweepPoint& point : points) {
    Json object = {{"values", Json::object()},        {"evaluated", point.plan.evaluated},
                   {"feasible", point.plan.feasible}, {"left_out", point.plan.left_out},
                   {"widened", point.plan.widened},   {"fits", best(point) != nullptr}};
    for (const auto& [key, value] : point.values) object["values"][key] = value;
    if (best(point) != nullptr) {
      object["best"] = prediction_object(point.scenario, point.plan.layouts.front().cluster, *best(point));
      object["cost_per_sample"] = cost_per_sample(point, *best(point));
    } else {
      object["best"] = nullptr;
      object["reason"] = obstacle(point);
    }
    document["points"].push_back(std::move(object));
  }
  return document.dump(2) + "\n";
}

}  // namespace paraplan
