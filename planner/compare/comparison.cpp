#include "planner/compare/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <span>

#include "costmodel/base/input_error.h"
#include "costmodel/io/profiles/record_tables.h"
#include "costmodel/io/text/suggestion.h"
#include "costmodel/io/text/text.h"

namespace paraplan {
namespace {

template <class Row, class Value>
void sort_by_difference(std::vector<Row>& rows, Value value) {
  std::ranges::stable_sort(rows, [&](const Row& a, const Row& b) {
    return std::abs(value(a).difference()) > std::abs(value(b).difference());
  });
}

std::vector<ComparedTime> compare_times(const Breakdown& predicted, const Breakdown& measured) {
  std::vector<ComparedTime> rows;
  for (int i = 0; i < kTimeCategories; ++i) {
    const auto category = static_cast<TimeCategory>(i);
    const ComparedValue seconds{predicted[category], measured[category]};
    if (seconds != ComparedValue{}) rows.push_back({category, seconds});
  }
  sort_by_difference(rows, [](const ComparedTime& row) { return row.seconds; });
  return rows;
}

Breakdown breakdown_of(const std::vector<OpTime>& ops) {
  Breakdown parts;
  for (const OpTime& op : ops) parts[op.category] += op.seconds;
  return parts;
}

std::vector<ComparedMemory> compare_memory(const MemoryUse& predicted, const MemoryUse& measured) {
  std::vector<ComparedMemory> rows;
  for (int i = 0; i < kMemoryCategories; ++i) {
    const auto category = static_cast<MemoryCategory>(i);
    const ComparedValue bytes{predicted[category], measured[category]};
    if (bytes != ComparedValue{}) rows.push_back({category, bytes});
  }
  sort_by_difference(rows, [](const ComparedMemory& row) { return row.bytes; });
  return rows;
}

std::vector<ComparedOp> compare_ops(const std::vector<OpTime>& predicted,
                                    const std::vector<OpTime>& measured) {
  std::map<OpKey, ComparedOp> joined;
  for (const OpTime& op : predicted) joined[op.key].predicted = op;
  for (const OpTime& op : measured) joined[op.key].measured = op;
  std::vector<ComparedOp> rows;
  for (const auto& [key, row] : joined) rows.push_back(row);
  sort_by_difference(rows, [](const ComparedOp& op) { return op.seconds(); });
  return rows;
}

// The settings in which two layouts differ: "tensor = 2 (the plan has tensor = 4)".
std::string layout_differences(const Layout& run, const Layout& plan) {
  const std::vector<std::string> of_run = split(layout_table(run), '\n');
  const std::vector<std::string> of_plan = split(layout_table(plan), '\n');
  std::vector<std::string> differences;
  for (size_t i = 0; i < of_run.size(); ++i)
    if (of_run[i] != of_plan[i])
      differences.push_back(fmt::format("{} (the plan has {})", of_run[i], of_plan[i]));
  return comma_separated(differences);
}

double fastest_step_s(const RunRecord& run) {
  // A run that was interrupted may hold fewer steps than the warm-up was to have.
  const size_t warm = std::min(run.steps.size(), static_cast<size_t>(run.warmup_steps));
  const auto measured = std::span(run.steps).subspan(warm);
  return measured.empty() ? 0 : std::ranges::min(measured, {}, &StepRecord::seconds).seconds;
}

}  // namespace

double ComparedValue::relative_error() const {
  return measured == 0 ? std::numeric_limits<double>::quiet_NaN() : predicted / measured - 1;
}

ComparedValue ComparedOp::seconds() const {
  return {predicted ? predicted->seconds : 0, measured ? measured->seconds : 0};
}

Comparison compare(const Prediction& prediction, const std::vector<std::vector<OpTime>>& predicted_ops,
                   const RunRecord& run, const HardwareProfile& profile) {
  const RankRecord& pacing = pacing_rank(run);
  const RankRecord& fullest = fullest_rank(run);
  const auto stage = static_cast<size_t>(pacing.stage);
  // An emulated rank may be of a stage that does not pace the step.
  const Breakdown predicted_times =
      run.is_emulated() ? breakdown_of(predicted_ops.at(stage)) : prediction.breakdown;
  const MemoryUse& predicted_memory = prediction.stages.at(static_cast<size_t>(fullest.stage)).memory;
  return {.iteration_time_s = {prediction.iteration_time_s, run.iteration_time_s},
          .spread_s = run.iteration_spread * run.iteration_time_s,
          .fastest_s = fastest_step_s(run),
          .run_load = run.load,
          .profile_load = profile.measured_on ? profile.measured_on->load : std::nullopt,
          .pacing_rank = pacing.rank,
          .pacing_stage = pacing.stage,
          .times = compare_times(predicted_times, pacing.breakdown),
          .ops = compare_ops(predicted_ops.at(stage), run.stage_ops.at(stage)),
          .fullest_rank = fullest.rank,
          .fullest_stage = fullest.stage,
          .peak_bytes = {predicted_memory.total(), fullest.memory.total()},
          .memory = compare_memory(predicted_memory, fullest.memory),
          .reserved_bytes = fullest.reserved_bytes,
          .resident_bytes = fullest.resident_bytes};
}

void refuse_unknown_ops(const std::vector<std::vector<OpTime>>& predicted_ops, const RunRecord& run,
                        const std::string& run_path) {
  for (size_t stage = 0; stage < run.stage_ops.size(); ++stage) {
    std::map<OpKey, std::string> known;
    for (const OpTime& op : predicted_ops.at(stage)) known[op.key] = op.name;
    for (const OpTime& op : run.stage_ops[stage]) {
      const auto found = known.find(op.key);
      if (found != known.end() && found->second == op.name) continue;
      throw InputError(
          run_path, 0, fmt::format("stage.{}.ops", stage),
          fmt::format("{} is no op of this plan{}; the run was made by another version of the program",
                      to_string(op),
                      found == known.end() ? "" : fmt::format(", which has {} there", found->second)));
    }
  }
}

void refuse_mismatch(const std::string& scenario_digest, const PlanFile& plan, const std::string& plan_path,
                     const RunRecord& run, const std::string& run_path) {
  if (scenario_digest != plan.digest) {
    throw InputError(
        plan_path, 0, "digest",
        fmt::format("{} is not the digest of {} and its model and profiles, {}: they were changed "
                    "after the plan was made; plan again",
                    plan.digest, plan.scenario_file, scenario_digest));
  }
  if (run.layout != plan.layout) {
    throw InputError(
        run_path, 0, "layout",
        fmt::format("the run is not of this plan: {}", layout_differences(run.layout, plan.layout)));
  }
  if (run.digest != plan.digest) {
    throw InputError(
        run_path, 0, "digest",
        fmt::format("the run is not of this plan: {} (the plan has {}); it was made with another "
                    "scenario, model, profile or part of the cluster",
                    run.digest, plan.digest));
  }
  if (run.iteration_time_s == 0) {
    throw InputError(run_path, 0, "iteration_time_s", "is 0: the run holds no measured step");
  }
}

}  // namespace paraplan
