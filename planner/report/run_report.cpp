#include "planner/report/run_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "planner/report/json.h"
#include "planner/report/report.h"
#include "planner/report/table.h"

namespace paraplan {
namespace {

double tokens_per_step(const Scenario& scenario) {
  return static_cast<double>(scenario.global_batch) * static_cast<double>(scenario.seq_length);
}

int64_t measured_steps(const RunRecord& run) {
  return std::max(int64_t{0}, static_cast<int64_t>(run.steps.size()) - run.warmup_steps);
}

std::string time_lines(const Scenario& scenario, const RunRecord& run, const Prediction& prediction) {
  if (run.iteration_time_s <= 0)
    return fmt::format("  time per step    not measured: {} steps, all of the warm-up; predicted {}\n",
                       run.steps.size(), format_time(prediction.iteration_time_s));
  std::string text = fmt::format("  time per step    {}  (median of {} steps, quartiles {} % apart)\n",
                                 format_time(run.iteration_time_s), measured_steps(run),
                                 format_percent(run.iteration_spread));
  text += fmt::format("  tokens/s         {:.0f}\n", tokens_per_step(scenario) / run.iteration_time_s);
  text += fmt::format("  machine load     {}\n", load_text(run.load));
  return text + fmt::format("  predicted time   {}  (error {} %)\n", format_time(prediction.iteration_time_s),
                            format_signed_percent(prediction.iteration_time_s / run.iteration_time_s - 1));
}

const MemoryUse& predicted_memory(const Prediction& prediction, const RankRecord& rank) {
  return prediction.stages.at(static_cast<size_t>(rank.stage)).memory;
}

std::string memory_table(const RunRecord& run, const Prediction& prediction) {
  const RankRecord& rank = fullest_rank(run);
  const MemoryUse& predicted = predicted_memory(prediction, rank);
  Table table{
      {{fmt::format("memory of rank {}, the fullest", rank.rank), Align::left}, {"predicted"}, {"measured"}},
      {}};
  for (int i = 0; i < kMemoryCategories; ++i) {
    const auto category = static_cast<MemoryCategory>(i);
    if (predicted[category] == 0 && rank.memory[category] == 0) continue;
    table.rows.push_back(
        {to_string(category), format_bytes(predicted[category]), format_bytes(rank.memory[category])});
  }
  table.rows.push_back({"peak", format_bytes(predicted.total()), format_bytes(rank.memory.total())});
  return to_text(table);
}

Json rank_object(const RankRecord& rank) {
  return {{"rank", rank.rank},
          {"stage", rank.stage},
          {"breakdown", by_category(rank.breakdown)},
          {"memory", by_category(rank.memory)},
          {"host_bytes", rank.host_bytes},
          {"reserved_bytes", rank.reserved_bytes},
          {"resident_bytes", rank.resident_bytes}};
}

Json op_object(const OpTime& op) {
  return {{"block", to_string(op.key.block)},
          {"pass", to_string(op.key.walk)},
          {"index", op.key.index},
          {"name", op.name},
          {"kind", op.kind},
          {"category", to_string(op.category)},
          {"calls", op.calls},
          {"seconds", op.seconds},
          {"origin", to_string(op.origin)}};
}

Json steps_array(const RunRecord& run) {
  Json steps = Json::array();
  for (const StepRecord& step : run.steps)
    steps.push_back({{"loss", step.loss}, {"gradient_norm", step.gradient_norm}, {"seconds", step.seconds}});
  return steps;
}

Json stages_array(const RunRecord& run) {
  Json stages = Json::array();
  for (const std::vector<OpTime>& ops : run.stage_ops) {
    Json list = Json::array();
    for (const OpTime& op : ops) list.push_back(op_object(op));
    stages.push_back({{"ops", std::move(list)}});
  }
  return stages;
}

}  // namespace

std::string step_line(const Scenario& scenario, int64_t step, const StepRecord& record, bool is_emulated) {
  const std::string learnt =
      is_emulated ? ""
                  : fmt::format("  loss {:9.5f}  gradient norm {:9.4f}", record.loss, record.gradient_norm);
  return fmt::format("step {:5}{}  {:9.2f} ms  {:8.0f} tokens/s\n", step + 1, learnt, 1e3 * record.seconds,
                     tokens_per_step(scenario) / record.seconds);
}

std::string run_report(const Scenario& scenario, const RunRecord& run, const Prediction& prediction) {
  return fmt::format("\nlayout  {}\nranks   {} ({}), each on {}\n\n", to_string(run.layout), run.ranks.size(),
                     run.transport, run.machine) +
         time_lines(scenario, run, prediction) + "\n" + memory_table(run, prediction);
}

std::string run_json(const Scenario& scenario, const RunRecord& run, const Prediction& prediction) {
  Json document = {{"scenario", run.scenario},
                   {"scenario_file", run.scenario_file},
                   {"digest", run.digest},
                   {"nodes", run.cluster.nodes},
                   {"devices_per_node", run.cluster.devices_per_node},
                   {"layout", layout_object(run.layout)},
                   {"layout_argument", to_string(run.layout)},
                   {"device", run.device},
                   {"transport", run.transport},
                   {"machine", run.machine},
                   {"date", run.date},
                   {"warmup_steps", run.warmup_steps},
                   {"complete", run.complete}};
  const double seconds = run.iteration_time_s;
  document["iteration_time_s"] = seconds > 0 ? Json(seconds) : Json(nullptr);
  document["iteration_spread"] = seconds > 0 ? Json(run.iteration_spread) : Json(nullptr);
  document["tokens_per_s"] = seconds > 0 ? Json(tokens_per_step(scenario) / seconds) : Json(nullptr);
  document["relative_error"] = seconds > 0 ? Json(prediction.iteration_time_s / seconds - 1) : Json(nullptr);
  document["machine_load"] = load_object(run.load);
  document["fullest_rank"] = fullest_rank(run).rank;
  document["steps"] = steps_array(run);
  document["ranks"] = Json::array();
  for (const RankRecord& rank : run.ranks) document["ranks"].push_back(rank_object(rank));
  document["stages"] = stages_array(run);
  document["prediction"] = prediction_object(scenario, run.cluster, prediction);
  return document.dump(2) + "\n";
}

}  // namespace paraplan
