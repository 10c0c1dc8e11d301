#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/outputs.h"
#include "cli/warnings.h"
#include "costmodel/base/input_error.h"
#include "costmodel/cost_model.h"
#include "costmodel/io/files/file_kind.h"
#include "costmodel/io/plan_file.h"
#include "costmodel/io/profiles/profiles.h"
#include "costmodel/io/run_file.h"
#include "planner/compare/comparison.h"
#include "planner/compare/profile_update.h"
#include "planner/report/comparison_report.h"
#include "planner/search/digest.h"

namespace paraplan {
namespace {

struct CompareOptions {
  std::string plan, run;
  std::string update;  // hardware profile that takes the run's measured ops
  bool json = false;
  int64_t ops = 15;
};

Prediction predict_plan(CostModel& model, const PlanFile& plan, const std::string& plan_path) {
  const PredictionResult result = model.predict(plan.layout);
  if (const auto* infeasible = std::get_if<Infeasible>(&result)) {
    throw InputError(
        plan_path, 0, "layout",
        fmt::format("{}: {} ({})", to_string(plan.layout), infeasible->rule, infeasible->detail));
  }
  return std::get<Prediction>(result);
}

// What a reader of the comparison must know beforehand.
void warn(const CompareOptions& options, const PlanFile& plan, const Prediction& prediction,
          const RunRecord& run) {
  constexpr double kRounding = 1e-9;
  if (!run.complete) {
    fmt::print(stderr, "paraplan: {}: the run was interrupted after {} steps\n", options.run,
               run.steps.size());
  }
  if (std::abs(prediction.iteration_time_s - plan.iteration_time_s) > kRounding * plan.iteration_time_s) {
    fmt::print(
        stderr,
        "paraplan: {}: predicts {} s per step, this version of the program {} s; the latter is compared\n",
        options.plan, plan.iteration_time_s, prediction.iteration_time_s);
  }
}

// Before anything that a wrong file lacks is missed.
void refuse_wrong_files(const CompareOptions& options) {
  if (file_kind(options.plan) == FileKind::run && file_kind(options.run) == FileKind::plan) {
    throw InputError("command line", 0, "",
                     fmt::format("compare takes PLAN RUN, in this order; {} is a run and {} is a plan",
                                 options.plan, options.run));
  }
  refuse_other_kind(options.plan, {FileKind::plan});
  refuse_other_kind(options.run, {FileKind::run});
}

int run_compare(const CompareOptions& options) {
  refuse_wrong_files(options);
  const PlanFile plan = load_plan(options.plan);
  const RunRecord run = load_run(options.run);
  Scenario scenario = load_and_warn(plan.scenario_file);
  scenario.cluster = plan.cluster;
  refuse_mismatch(scenario_digest(scenario), plan, options.plan, run, options.run);

  std::vector<std::string> inputs = scenario.files;
  inputs.insert(inputs.end(), {options.plan, options.run});
  Outputs outputs(inputs);
  std::optional<ProfileUpdate> update;
  if (!options.update.empty()) {
    const HardwareProfile former = load_hardware(options.update);
    outputs.renew(former.files);  // the plan's own hardware profile, mostly, and read to be rewritten
    outputs.add("--update", options.update, {FileKind::hardware_profile});
    update = updated_profile(former, options.update, scenario, run, options.run);
  }

  CostModel model(scenario);
  const Prediction prediction = predict_plan(model, plan, options.plan);
  warn(options, plan, prediction, run);
  const std::vector<std::vector<OpTime>> ops = model.op_times(plan.layout);
  refuse_unknown_ops(ops, run, options.run);
  const Comparison comparison = compare(prediction, ops, run, scenario.hardware);
  std::vector<FileSet> files;
  if (update) files.push_back(profile_files(update->profile, options.update));
  outputs.deliver(files, options.json ? comparison_json(comparison, run)
                                      : comparison_report(comparison, run, static_cast<size_t>(options.ops)));
  if (update) {
    fmt::print(stderr,
               "paraplan: {}: holds {} ops of the run; plans made with it before are to be made again\n",
               options.update, update->ops);
  }
  return kDone;
}

}  // namespace

void add_compare(CLI::App& app, Command& chosen) {
  const auto options = std::make_shared<CompareOptions>();
  CLI::App* command = app.add_subcommand("compare", "Hold a run against its prediction, op by op");
  command->add_option("PLAN", options->plan, "Plan file, of plan --out")->required()->type_name("PLAN");
  command->add_option("RUN", options->run, "Run file, of run --out")->required()->type_name("RUN");
  command->add_flag("--json", options->json, "Print JSON, with all ops");
  command->add_option("--ops", options->ops, "Ops to show; 0 for all")
      ->check(whole_number(0, kMostShown))
      ->capture_default_str();
  command
      ->add_option("--update", options->update,
                   "Hardware profile of this machine to write the run's measured ops into")
      ->check(file_name())
      ->type_name("PROFILE");
  command->callback([options, &chosen] { chosen = [options] { return run_compare(*options); }; });
}

}  // namespace paraplan
