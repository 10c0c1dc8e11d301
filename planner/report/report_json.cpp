#include <nlohmann/json.hpp>

#include "planner/report/json.h"
#include "planner/report/report.h"

namespace paraplan {

Json layout_object(const Layout& layout) {
  Json object = {{"data", layout.data},
                 {"tensor", layout.tensor},
                 {"pipeline", layout.pipeline},
                 {"context", layout.context},
                 {"virtual_stages", layout.virtual_stages},
                 {"micro_batch", layout.micro_batch},
                 {"recompute", to_string(layout.recompute)},
                 {"recompute_layers", layout.recompute_layers},
                 {"sequence_parallel", layout.sequence_parallel},
                 {"zero_stage", layout.zero_stage},
                 {"offload", to_string(layout.offload)},
                 {"schedule", to_string(layout.schedule)},
                 {"placement", placement_text(layout.placement)}};
  if (!layout.stage_layers.empty()) object["stage_layers"] = layout.stage_layers;
  return object;
}

Json load_object(const std::optional<MachineLoad>& load) {
  if (!load) return nullptr;
  return {{"ranks", load->ranks},
          {"cores", load->cores},
          {"others_cores", load->others_cores},
          {"steal_share", load->steal_share},
          {"device_users", load->device_users ? Json(*load->device_users) : Json(nullptr)},
          {"busy", is_busy(*load)}};
}

namespace {

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json run_object(const WholeRun& run) {
  return {{"steps", run.steps},
          {"seconds", run.seconds},
          {"device_hours", run.device_hours},
          {"cost", or_null(run.cost)}};
}

// What was wanted of a whole run, and what the best layout misses of it.
Json goals_object(const Scenario& scenario, const PlanResult& plan, const RunGoals& goals) {
  Json object = {{"tokens", or_null(goals.tokens)},
                 {"deadline_s", or_null(goals.deadline_s)},
                 {"max_cost", or_null(goals.max_cost)},
                 {"min_mfu", or_null(goals.min_mfu)},
                 {"missed", Json::array()}};
  if (!plan.layouts.empty()) object["missed"] = missed_goals(scenario, plan.layouts.front(), goals);
  return object;
}

Json stage_object(const StagePrediction& stage) {
  return {{"layers", stage.layers},       {"parameters", stage.parameters},
          {"forward_s", stage.forward_s}, {"backward_s", stage.backward_s},
          {"in_flight", stage.in_flight}, {"memory", by_category(stage.memory)}};
}

}  // namespace

Json prediction_object(const Scenario& scenario, const Cluster& cluster, const Prediction& p) {
  Json object = {{"layout", layout_object(p.layout)},
                 {"layout_argument", to_string(p.layout)},
                 {"nodes", cluster.nodes},
                 {"devices_per_node", cluster.devices_per_node},
                 {"fits", p.fit == Fit::fits},
                 {"tight", p.fit == Fit::tight},
                 {"iteration_time_s", p.iteration_time_s},
                 {"samples_per_s", p.samples_per_s},
                 {"tokens_per_s_per_device", p.tokens_per_s_per_device},
                 {"mfu", p.mfu},
                 {"mfu_causal", p.mfu_causal},
                 {"cost", p.cost},
                 {"micro_batches", p.micro_batches},
                 {"peak_memory_bytes", p.peak_memory_bytes},
                 {"memory_level", to_string(scenario.memory_level)},
                 {"device_memory_bytes", p.device_memory_bytes},
                 {"least_device_memory_bytes", p.least_device_memory_bytes},
                 {"available_memory_bytes", p.available_memory_bytes},
                 {"host_memory_bytes", p.host_memory_bytes},
                 {"breakdown", by_category(p.breakdown)},
                 {"price_origins", by_category(p.price_origins)},
                 {"memory", by_category(p.memory)},
                 {"stages", Json::array()}};
  for (const StagePrediction& stage : p.stages) object["stages"].push_back(stage_object(stage));
  if (const auto lack = memory_lack(scenario, p)) {
    object["lacking"] = {{"reason", lack->reason}, {"bytes", lack->bytes}};
  }
  return object;
}

std::string prediction_json(const Scenario& scenario, const Prediction& prediction) {
  Json document = {{"scenario", scenario.name}};
  document.update(prediction_object(scenario, scenario.cluster, prediction));
  return document.dump(2) + "\n";
}

std::string plan_json(const Scenario& scenario, const PlanResult& plan, const RunGoals& goals) {
  Json document = {{"scenario", scenario.name},
                   {"objective", to_string(plan.objective)},
                   {"evaluated", plan.evaluated},
                   {"feasible", plan.feasible},
                   {"headroom", scenario.search.headroom},
                   {"left_out", plan.left_out},
                   {"seconds", plan.seconds},
                   {"rejected", Json::object()},
                   {"rejected_examples", Json::object()},
                   {"layouts", Json::array()}};
  for (const auto& [reason, rejection] : plan.rejected) {
    document["rejected"][reason] = rejection.layouts;
    document["rejected_examples"][reason] = rejection.example;
  }
  for (const PricedLayout& priced : plan.layouts) {
    document["layouts"].push_back(prediction_object(scenario, priced.cluster, priced.prediction));
    if (goals.tokens)
      document["layouts"].back()["run"] = run_object(whole_run(scenario, priced, *goals.tokens));
  }
  if (goals.tokens || goals.any_limit()) document["goals"] = goals_object(scenario, plan, goals);
  if (plan.best_left_out) {
    document["best_left_out"] =
        prediction_object(scenario, plan.best_left_out->cluster, plan.best_left_out->prediction);
  }
  if (!plan.widened.empty()) document["widened"] = plan.widened;
  if (plan.remedy) {
    document["remedy"] = {
        {"limit", plan.remedy->limit},
        {"widened", plan.remedy->widened},
        {"layout", prediction_object(scenario, plan.remedy->layout.cluster, plan.remedy->layout.prediction)}};
  }
  if (plan.closest) {
    document["closest"] = prediction_object(scenario, plan.closest->cluster, plan.closest->prediction);
  }
  return document.dump(2) + "\n";
}

}  // namespace paraplan
