#include "executor/record_run.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace paraplan {
namespace {

// Between the two values around it where `fraction` falls between two. Of `sorted`, which is not empty.
double quantile(const std::vector<double>& sorted, double fraction) {
  const double place = fraction * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], place - static_cast<double>(below));
}

void set_step_time(RunRecord& run) {
  std::vector<double> seconds;
  for (size_t i = static_cast<size_t>(run.warmup_steps); i < run.steps.size(); ++i)
    seconds.push_back(run.steps[i].seconds);
  if (seconds.empty()) return;
  std::ranges::sort(seconds);
  run.iteration_time_s = quantile(seconds, 0.5);
  if (run.iteration_time_s > 0)
    run.iteration_spread = (quantile(seconds, 0.75) - quantile(seconds, 0.25)) / run.iteration_time_s;
}

// By pipeline stage: the report of the rank whose work takes longest; of equal ones the first.
std::vector<const RankReport*> stage_reports(int64_t stages, const std::vector<RankReport>& ranks) {
  std::vector<const RankReport*> slowest(static_cast<size_t>(stages), nullptr);
  for (const RankReport& report : ranks) {
    const RankReport*& best = slowest[static_cast<size_t>(report.record.stage)];
    if (best == nullptr || work_s(report.record) > work_s(best->record)) best = &report;
  }
  assert(std::ranges::none_of(slowest, [](const RankReport* report) { return report == nullptr; }));
  return slowest;
}

}  // namespace

RunRecord record_run(const TrainingJob& job, const TrainingResult& result, const RunOrigin& origin) {
  RunRecord run;
  run.scenario = job.scenario.name;
  run.scenario_file = job.scenario.path;
  run.digest = origin.digest;
  run.cluster = job.scenario.cluster;
  run.layout = job.layout;
  run.device = job.device;
  run.transport = origin.transport;
  run.machine = origin.machine;
  run.date = origin.date;
  run.warmup_steps = job.warmup_steps;
  run.complete = result.complete;
  run.steps = result.steps;
  set_step_time(run);
  for (const RankReport& report : result.ranks) run.ranks.push_back(report.record);
  for (const RankReport* report : stage_reports(job.layout.pipeline, result.ranks))
    run.stage_ops.push_back(report->ops);
  return run;
}

Timeline stage_timelines(const TrainingJob& job, const TrainingResult& result) {
  Timeline all;
  for (const RankReport* report : stage_reports(job.layout.pipeline, result.ranks)) {
    const Timeline& timeline = report->timeline;
    all.events.insert(all.events.end(), timeline.events.begin(), timeline.events.end());
    all.end_s = std::max(all.end_s, timeline.end_s);
  }
  return all;
}

}  // namespace paraplan
