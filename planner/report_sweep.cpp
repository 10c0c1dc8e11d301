#include <fmt/format.h>

#include <algorithm>

#include "planner/json.h"
#include "planner/report.h"
#include "planner/sweep.h"

namespace paraplan {
namespace {

const Prediction* best(const SweepPoint& point) {
  return point.plan.layouts.empty() ? nullptr : &point.plan.layouts.front().prediction;
}

// Why nothing fits: the memory missing by the closest layout, else the rule that rejected the most.
std::string obstacle(const SweepPoint& point) {
  const PlanResult& plan = point.plan;
  if (plan.closest) {
    return fmt::format("nothing fits: lacks {}", format_bytes(plan.closest_lack.bytes));
  }
  const auto most = std::ranges::max_element(plan.rejected, {},
                                             [](const auto& rejection) { return rejection.second.layouts; });
  return most == plan.rejected.end() ? "no layout of these devices"
                                     : fmt::format("nothing fits: {}", most->first);
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
    const int64_t devices =
        prediction != nullptr ? layouts[i]->devices() : points[i].scenario.cluster.devices();
    append_cells(table, i, {fmt::format("{}", devices)});
  }
  append_layout_columns(table, layouts);
  for (const char* title : {"time/step", "samples/s", "tokens/s/GPU", "MFU %", "memory GiB"}) {
    table.columns.push_back({title});
  }
  const bool priced = std::ranges::all_of(
      points, [](const SweepPoint& point) { return point.scenario.cluster.price_per_device_hour > 0; });
  if (priced) table.columns.push_back({"price/sample"});
  table.columns.push_back({"", Align::left});
  for (size_t i = 0; i < points.size(); ++i) {
    const Prediction* p = best(points[i]);
    std::vector<std::string> cells(5, "-");
    if (p != nullptr) {
      cells = {format_time(p->iteration_time_s), fmt::format("{:.4g}", p->samples_per_s),
               fmt::format("{:.0f}", p->tokens_per_s_per_device), format_percent(p->mfu),
               format_gib(p->device_memory_bytes)};
    }
    if (priced) cells.push_back(p != nullptr ? fmt::format("{:.4g}", cost_per_sample(points[i], *p)) : "-");
    cells.push_back(p != nullptr ? "" : obstacle(points[i]));
    append_cells(table, i, cells);
  }
  return to_text(table);
}

std::string sweep_csv(const std::vector<SweepPoint>& points) {
  Table table = varied_table(points);
  for (const char* title :
       {"devices", "fits", "layout", "iteration_time_s", "samples_per_s", "tokens_per_s_per_device", "mfu",
        "peak_memory_bytes", "device_memory_bytes", "cost_per_sample", "note"}) {
    table.columns.push_back({title});
  }
  for (size_t i = 0; i < points.size(); ++i) {
    const Prediction* p = best(points[i]);
    if (p == nullptr) {
      append_cells(table, i, {fmt::format("{}", points[i].scenario.cluster.devices()), "no"});
      append_cells(table, i, std::vector<std::string>(8));
      append_cells(table, i, {obstacle(points[i])});
      continue;
    }
    append_cells(table, i, {fmt::format("{}", p->layout.devices()), "yes", to_string(p->layout)});
    for (const double value :
         {p->iteration_time_s, p->samples_per_s, p->tokens_per_s_per_device, p->mfu, p->peak_memory_bytes,
          p->device_memory_bytes, cost_per_sample(points[i], *p)}) {
      append_cells(table, i, {fmt::format("{}", value)});
    }
    append_cells(table, i, {""});
  }
  return to_csv(table);
}

std::string sweep_json(const Scenario& scenario, const std::vector<SweepPoint>& points) {
  Json document = {{"scenario", scenario.name}, {"points", Json::array()}};
  for (const SweepPoint& point : points) {
    Json object = {{"values", Json::object()},
                   {"evaluated", point.plan.evaluated},
                   {"feasible", point.plan.feasible},
                   {"fits", best(point) != nullptr}};
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
