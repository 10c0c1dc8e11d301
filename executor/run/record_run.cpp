#include "executor/run/record_run.h"

#include <algorithm>

#include "executor/bench/measurement.h"

namespace paraplan {
namespace {

void set_step_time(RunRecord& run) {
  std::vector<double> seconds;
  for (size_t i = static_cast<size_t>(run.warmup_steps); i < run.steps.size(); ++i)
    seconds.push_back(run.steps[i].seconds);
  if (seconds.empty()) return;
  const Measurement steps = summarize(seconds);
  run.iteration_time_s = steps.seconds;
  run.iteration_spread = steps.noise;
}

// By pipeline stage: the report of the rank whose work takes longest; of equal ones the first. Null where
// none ran.
std::vector<const RankReport*> stage_reports(int64_t stages, const std::vector<RankReport>& ranks) {
  std::vector<const RankReport*> slowest(static_cast<size_t>(stages), nullptr);
  for (const RankReport& report : ranks) {
    const RankReport*& best = slowest[static_cast<size_t>(report.record.stage)];
    if (best == nullptr || work_s(report.record) > work_s(best->record)) best = &report;
  }
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
  run.load = result.load;
  set_step_time(run);
  for (const RankReport& report : result.ranks) run.ranks.push_back(report.record);
  for (const RankReport* report : stage_reports(job.layout.pipeline, result.ranks))
    run.stage_ops.push_back(report == nullptr ? std::vector<OpTime>{} : report->ops);
  return run;
}

Timeline stage_timelines(const TrainingJob& job, const TrainingResult& result) {
  Timeline all;
  for (const RankReport* report : stage_reports(job.layout.pipeline, result.ranks)) {
    if (report == nullptr) continue;
    const Timeline& timeline = report->timeline;
    all.events.insert(all.events.end(), timeline.events.begin(), timeline.events.end());
    all.end_s = std::max(all.end_s, timeline.end_s);
  }
  return all;
}

}  // namespace paraplan
