#include "cli/planned_job.h"

#include <fmt/format.h>

#include "cli/warnings.h"
#include "costmodel/base/input_error.h"
#include "costmodel/cost_model.h"
#include "costmodel/io/files/file_kind.h"
#include "costmodel/io/plan_file.h"
#include "costmodel/io/text/layout_text.h"
#include "planner/search/digest.h"

namespace paraplan {
namespace {

PlannedJob job_of_plan(const std::string& file) {
  const PlanFile plan = load_plan(file);
  PlannedJob job;
  job.scenario = load_and_warn(plan.scenario_file);
  job.scenario.cluster = plan.cluster;
  if (scenario_digest(job.scenario) != plan.digest)
    throw InputError(
        file, 0, "digest",
        fmt::format("was made from other inputs than {} and its profiles hold now; make the plan "
                    "again with `paraplan plan`",
                    plan.scenario_file));
  job.prediction = predict_or_fail(job.scenario, plan.layout, file, "layout");
  job.files = job.scenario.files;
  job.files.push_back(file);
  return job;
}

PlannedJob job_of_scenario(const std::string& file, const std::string& layout_text) {
  PlannedJob job;
  job.scenario = load_and_warn(file);
  const Layout layout = parse_layout(layout_text, "command line");
  job.prediction = predict_or_fail(job.scenario, layout, "command line", "--layout");
  job.files = job.scenario.files;
  return job;
}

}  // namespace

PlannedJob load_planned_job(const std::string& file, const std::string& layout_text) {
  refuse_other_kind(file, {FileKind::plan, FileKind::scenario});
  const bool is_plan = file_kind(file) == FileKind::plan;
  if (is_plan && !layout_text.empty())
    throw InputError("command line", 0, "--layout", fmt::format("{} is a plan and has a layout", file));
  if (!is_plan && layout_text.empty())
    throw InputError("command line", 0, "--layout", fmt::format("needed, because {} is a scenario", file));
  return is_plan ? job_of_plan(file) : job_of_scenario(file, layout_text);
}

Prediction predict_or_fail(const Scenario& scenario, const Layout& layout, const std::string& origin,
                           const std::string& key) {
  const PredictionResult result = CostModel(scenario).predict(layout);
  if (const auto* infeasible = std::get_if<Infeasible>(&result))
    throw InputError(origin, 0, key,
                     fmt::format("{}: {} ({})", to_string(layout), infeasible->rule, infeasible->detail));
  return std::get<Prediction>(result);
}

}  // namespace paraplan
