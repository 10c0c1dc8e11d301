#include "cli/run_setup.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>

#include "costmodel/base/input_error.h"
#include "costmodel/cost_model.h"
#include "costmodel/io/files/file_kind.h"
#include "costmodel/io/plan_file.h"
#include "costmodel/io/scenario_file.h"
#include "costmodel/io/text/layout_text.h"
#include "costmodel/io/text/text.h"
#include "costmodel/names.h"
#include "executor/emulation/emulated_world.h"
#include "executor/walk/program.h"
#include "kernels/backends.h"
#include "planner/report/table.h"
#include "planner/search/digest.h"
#include "planner/search/search.h"

namespace paraplan {
namespace {

constexpr const char* kCommandLine = "command line";

void take_plan(const RunOptions& options, RunSetup& setup) {
  if (!options.layout.empty())
    throw InputError(
        kCommandLine, 0, "--layout",
        fmt::format("{} is a plan and has its layout; give its scenario to run another one", options.input));
  const PlanFile plan = load_plan(options.input);
  setup.job.scenario = load_scenario(plan.scenario_file);
  setup.job.scenario.cluster = plan.cluster;
  setup.job.layout = plan.layout;
  setup.digest = scenario_digest(setup.job.scenario);
  if (setup.digest != plan.digest)
    throw InputError(
        options.input, 0, "digest",
        fmt::format("the scenario has changed since the plan was made: the plan is of {}, {} with "
                    "its model and profiles is now {}; make the plan again with `paraplan plan`",
                    plan.digest, plan.scenario_file, setup.digest));
}

void take_scenario(const RunOptions& options, RunSetup& setup) {
  setup.job.scenario = load_scenario(options.input);
  if (options.layout.empty())
    throw InputError(kCommandLine, 0, "--layout",
                     fmt::format("{} is a scenario and needs a layout, such as data=1,tensor=1,pipeline=1; a "
                                 "file of `paraplan plan --out` has its own",
                                 options.input));
  setup.job.layout = parse_layout(options.layout, kCommandLine);
  setup.digest = scenario_digest(setup.job.scenario);
}

void check_device(const std::string& device) {
  try {
    make_backend(device, ElementType::fp32);
  } catch (const std::invalid_argument& error) {
    throw InputError(kCommandLine, 0, "--device", error.what());
  }
}

void check_ranks(const RunOptions& options, const Layout& layout, int64_t launched_ranks) {
  const int64_t needed = layout.devices();
  if (options.ranks && *options.ranks != needed)
    throw InputError(
        kCommandLine, 0, "--ranks",
        fmt::format("the layout {} runs on {} ranks, not {}", to_string(layout), needed, *options.ranks));
  if (launched_ranks > 0 && launched_ranks != needed)
    throw InputError(kCommandLine, 0, "",
                     fmt::format("the layout {} runs on {} ranks, the launcher has started {}; start it with "
                                 "mpirun -n {}",
                                 to_string(layout), needed, launched_ranks, needed));
}

// Ranks that run alone, one after the other.
std::vector<int> emulated_ranks(const RunOptions& options, const Layout& layout, int64_t launched_ranks) {
  if (options.emulate.empty()) return {};
  const auto fail = [](const std::string& message) {
    throw InputError(kCommandLine, 0, "--emulate-rank", message);
  };
  if (launched_ranks > 0) fail("runs in one process; start it without mpirun");
  if (options.device != "cpu") fail(fmt::format("computes on the CPU, not on --device {}", options.device));
  std::vector<int> ranks;
  if (options.emulate == "all-stages") {
    for (int64_t stage = 0; stage < layout.pipeline; ++stage) ranks.push_back(first_rank(layout, stage));
    return ranks;
  }
  const std::optional<int64_t> rank = parse_integer(options.emulate);
  if (!rank || *rank < 0 || *rank >= layout.devices())
    fail(fmt::format("\"{}\" must be all-stages or a rank of the layout, 0 to {}", options.emulate,
                     layout.devices() - 1));
  return {static_cast<int>(*rank)};
}

std::string memory_list(const MemoryUse& memory) {
  std::string text;
  for (int i = 0; i < kMemoryCategories; ++i) {
    const auto category = static_cast<MemoryCategory>(i);
    if (memory[category] == 0) continue;
    text +=
        fmt::format("{}{} {}", text.empty() ? "" : ", ", to_string(category), format_bytes(memory[category]));
  }
  return text;
}

Prediction predict(const RunOptions& options, const TrainingJob& job) {
  const PredictionResult result = CostModel(job.scenario).predict(job.layout);
  if (const auto* infeasible = std::get_if<Infeasible>(&result)) {
    const std::string text =
        fmt::format("{}: {} ({})", to_string(job.layout), infeasible->rule, infeasible->detail);
    if (options.layout.empty()) throw InputError(options.input, 0, "layout", text);
    throw InputError(kCommandLine, 0, "--layout", text);
  }
  const Prediction& prediction = std::get<Prediction>(result);
  const auto lack = memory_lack(job.scenario, prediction);
  if (lack && prediction.fit == Fit::exceeds)
    throw std::runtime_error(fmt::format(
        "{} {}: lacks {}; the fullest rank needs {} of {} ({})", to_string(job.layout), lack->reason,
        format_bytes(lack->bytes), format_bytes(prediction.least_device_memory_bytes),
        format_bytes(prediction.available_memory_bytes), memory_list(prediction.memory)));
  return prediction;
}

std::unique_ptr<SampleSource> training_data(const RunOptions& options, const Scenario& scenario) {
  if (!options.data.empty())
    return token_file(options.data, scenario.model, scenario.seq_length, scenario.global_batch);
  try {
    return synthetic_text(scenario.model, scenario.seq_length, scenario.global_batch);
  } catch (const std::invalid_argument& error) {
    throw InputError(scenario.path, 0, "model", error.what());
  }
}

Outputs run_outputs(const RunOptions& options, const Scenario& scenario) {
  std::vector<std::string> inputs = scenario.files;
  inputs.push_back(options.input);
  if (!options.data.empty()) inputs.push_back(options.data);
  Outputs outputs(inputs, {options.force, options.json});
  outputs.add("--out", options.out, {FileKind::run});
  outputs.add("--trace", options.trace, {FileKind::trace});
  return outputs;
}

// Names of the kernels whose time is not that of a measurement in the hardware profile, in the order of the
// step.
std::vector<std::string> unmeasured_ops(const TrainingJob& job) {
  std::vector<std::string> names;
  for (const std::vector<OpTime>& stage : CostModel(job.scenario).op_times(job.layout)) {
    for (const OpTime& op : stage) {
      const std::optional<OpKind> kind = from_string<OpKind>(op.kind);
      if (op.key.block == BlockName::step || !kind || is_collective(*kind) ||
          op.origin == PriceOrigin::measured)
        continue;
      if (std::ranges::find(names, op.name) == names.end()) names.push_back(op.name);
    }
  }
  return names;
}

std::string unmeasured_warning(const std::vector<std::string>& names, const RunSetup& setup) {
  constexpr size_t kShown = 5;
  const size_t shown = std::min(names.size(), kShown);
  std::string list =
      fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<ptrdiff_t>(shown), ", "));
  if (names.size() > shown) list += fmt::format(" and {} more", names.size() - shown);
  return fmt::format(
      "no measured time for {}: predicted from other shapes; `paraplan profile --for {} --out PROFILE` "
      "measures them",
      list, setup.job.scenario.path);
}

}  // namespace

RunSetup set_up_run(const RunOptions& options, int64_t launched_ranks) {
  check_device(options.device);
  RunSetup setup;
  refuse_other_kind(options.input, {FileKind::plan, FileKind::scenario});
  const bool is_plan = file_kind(options.input) == FileKind::plan;
  is_plan ? take_plan(options, setup) : take_scenario(options, setup);
  TrainingJob& job = setup.job;
  setup.prediction = predict(options, job);
  setup.emulated_ranks = emulated_ranks(options, job.layout, launched_ranks);
  check_ranks(options, job.layout, launched_ranks);
  const Program checked(job.scenario, job.layout);
  job.device = options.device;
  job.warmup_steps = options.warmup_steps;
  job.steps = options.steps;
  job.memory_limit_bytes = job.scenario.hardware.device.memory_bytes;
  job.trace = !options.trace.empty();
  setup.samples = training_data(options, job.scenario);
  setup.outputs = run_outputs(options, job.scenario);
  return setup;
}

std::vector<std::string> run_warnings(const RunSetup& setup, const std::string& machine, unsigned cores,
                                      const std::string& transport) {
  std::vector<std::string> warnings = all_warnings(setup.job.scenario);
  const HardwareProfile& hardware = setup.job.scenario.hardware;
  const std::optional<MeasuredOn>& measured_on = hardware.measured_on;
  if (!measured_on) {
    warnings.push_back(
        fmt::format("the hardware profile \"{}\" holds no measurements, so predicted times are not those of "
                    "this machine; `paraplan profile` measures it",
                    hardware.name));
  } else if (measured_on->machine != machine) {
    warnings.push_back(
        fmt::format("the hardware profile \"{}\" was measured on another machine: {}; this is {}",
                    hardware.name, measured_on->machine, machine));
  } else if (measured_on->transport != transport && setup.emulated_ranks.empty()) {
    warnings.push_back(
        fmt::format("the collectives of the hardware profile \"{}\" were measured over {}; this "
                    "run communicates over {}",
                    hardware.name, measured_on->transport, transport));
  }
  // Of another machine nothing is right anyway, and said so.
  if (measured_on && measured_on->machine == machine) {
    const std::vector<std::string> names = unmeasured_ops(setup.job);
    if (!names.empty()) warnings.push_back(unmeasured_warning(names, setup));
  }
  const int64_t ranks = setup.job.layout.devices() / setup.job.scenario.cluster.nodes;
  if (ranks > int64_t{cores} && setup.emulated_ranks.empty())
    warnings.push_back(
        fmt::format("{} ranks of a node share {} cores; predictions give each rank its own", ranks, cores));
  if (const std::string remark = setup.samples->remark(); !remark.empty()) warnings.push_back(remark);
  return warnings;
}

}  // namespace paraplan
