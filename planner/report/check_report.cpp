#include "planner/report/check_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "costmodel/names.h"
#include "planner/report/json.h"
#include "planner/report/report.h"

namespace paraplan {
namespace {

std::string better_text(const CheckResult& check) {
  const PlanResult& better = check.better;
  if (better.layouts.empty()) return "\nNo layout of this job is faster and fits.\n";
  Table table{{{"#"}}, {}};
  std::vector<const Layout*> layouts;
  for (const PricedLayout& priced : better.layouts) {
    table.rows.push_back({fmt::format("{}", table.rows.size() + 1)});
    layouts.push_back(&priced.prediction.layout);
  }
  append_layout_columns(table, layouts);
  for (const char* title : {"time/step", "gain %", "MFU %", "memory GiB"}) table.columns.push_back({title});
  for (size_t i = 0; i < layouts.size(); ++i) {
    const Prediction& p = better.layouts[i].prediction;
    const double gain = 1 - p.iteration_time_s / check.prediction.iteration_time_s;
    table.rows[i].insert(table.rows[i].end(), {format_time(p.iteration_time_s), format_percent(gain),
                                               format_percent(p.mfu), format_gib(p.device_memory_bytes)});
  }
  const bool fits = check.prediction.fit == Fit::fits;
  return fmt::format("\nLayouts of the same job that {}, of {} priced:\n\n{}", fits ? "are faster" : "fit",
                     better.evaluated, to_text(table));
}

std::string difference_text(const Difference& d) {
  std::string text =
      fmt::format("\nMeasured {} per step, predicted {}: {} %.\n", format_time(d.measured_s),
                  format_time(d.predicted_s), format_signed_percent(d.measured_s / d.predicted_s - 1));
  if (!d.ways.empty()) text += "What a run may do otherwise, nearest to the measured time first:\n";
  for (const OtherWay& way : d.ways) text += fmt::format("  {:>10}  {}\n", format_time(way.step_s), way.what);
  text += "What each part alone would have to take instead:\n";
  for (const PartFactor& part : d.parts)
    text += fmt::format("  {:>9.2f}x  {} ({} predicted)\n", part.factor, to_string(part.category),
                        format_time(part.seconds));
  return text;
}

std::string settings_text(const LaunchRequest& request) {
  std::string text;
  if (!request.unpriced.empty())
    text += fmt::format("\nNot priced, though they may change time or memory: {}\n",
                        fmt::join(request.unpriced, ", "));
  if (!request.ignored.empty()) text += fmt::format("\nPassed over: {}\n", fmt::join(request.ignored, ", "));
  return text;
}

}  // namespace

std::string check_report(const CheckResult& check) {
  return fmt::format("{}: a launch of {}\n", check.request.file, check.request.framework) +
         prediction_report(check.scenario, check.prediction) +
         (check.difference ? difference_text(*check.difference) : "") + better_text(check) +
         settings_text(check.request);
}

std::string check_json(const CheckResult& check) {
  Json document = {{"launch", check.request.file},
                   {"framework", check.request.framework},
                   {"scenario", check.scenario.name},
                   {"unpriced", check.request.unpriced},
                   {"ignored", check.request.ignored}};
  document.update(prediction_object(check.scenario, check.scenario.cluster, check.prediction));
  document["better"] = Json::array();
  for (const PricedLayout& priced : check.better.layouts)
    document["better"].push_back(prediction_object(check.scenario, priced.cluster, priced.prediction));
  if (check.difference) {
    const Difference& d = *check.difference;
    Json difference = {{"measured_s", d.measured_s},
                       {"predicted_s", d.predicted_s},
                       {"ways", Json::array()},
                       {"parts", Json::array()}};
    for (const OtherWay& way : d.ways)
      difference["ways"].push_back({{"what", way.what}, {"step_s", way.step_s}});
    for (const PartFactor& part : d.parts)
      difference["parts"].push_back(
          {{"part", to_string(part.category)}, {"seconds", part.seconds}, {"factor", part.factor}});
    document["difference"] = difference;
  }
  return document.dump(2) + "\n";
}

}  // namespace paraplan
