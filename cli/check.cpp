#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/outputs.h"
#include "cli/planned_job.h"
#include "cli/warnings.h"
#include "costmodel/base/input_error.h"
#include "costmodel/io/files/data_folders.h"
#include "costmodel/io/files/file_kind.h"
#include "costmodel/io/files/search_path.h"
#include "costmodel/io/model_file.h"
#include "costmodel/io/plan_file.h"
#include "costmodel/io/profiles/profiles.h"
#include "costmodel/io/text/quantity.h"
#include "planner/check/read_launch.h"
#include "planner/report/check_report.h"
#include "planner/search/plan_layouts.h"

namespace paraplan {
namespace {

struct CheckOptions {
  std::string launch, scenario, model, hardware, host, network, software, measured;
  std::optional<int64_t> devices, devices_per_node, micro_batch, global_batch, seq_length, vocab;
  std::vector<std::string> ignore;
  int64_t top = 3;
  bool json = false;
};

std::filesystem::path found(const Scenario& scenario, NamedFile kind, const std::string& option,
                            const std::string& name) {
  const Lookup lookup = look_up(scenario.folders, kind, name);
  if (lookup.file.empty()) throw InputError("command line", 0, option, lookup.missing);
  return lookup.file;
}

// The scenario that stands for what the launch does not say; with no profiles where none is named.
Scenario base_of(const CheckOptions& options) {
  Scenario base;
  if (!options.scenario.empty()) {
    refuse_other_kind(options.scenario, {FileKind::plan, FileKind::scenario});
    const bool is_plan = file_kind(options.scenario) == FileKind::plan;
    const std::optional<PlanFile> plan = is_plan ? std::optional(load_plan(options.scenario)) : std::nullopt;
    base = load_and_warn(plan ? plan->scenario_file : options.scenario);
    if (plan) base.cluster = plan->cluster;
  } else {
    base.name = std::filesystem::path(options.launch).stem().string();
    base.folders = search_folders(options.launch, data_folders());
    base.cluster = {.nodes = 0, .devices_per_node = 0};
    base.memory_level = MemoryLevel::reserved;
  }
  return base;
}

void load_profiles(const CheckOptions& options, const LaunchRequest& request, Scenario& base) {
  if (options.scenario.empty() && options.hardware.empty())
    throw InputError("command line", 0, "--hardware",
                     "needed: a launch does not say what it runs on (or give --scenario)");
  if (!options.hardware.empty())
    base.hardware = load_hardware(found(base, NamedFile::hardware, "--hardware", options.hardware));
  if (!options.network.empty())
    base.network = load_network(found(base, NamedFile::network, "--network", options.network));
  if (!options.host.empty()) base.host = load_host(found(base, NamedFile::host, "--host", options.host));
  const std::string software =
      options.software.empty() && options.scenario.empty() ? usual_software(request) : options.software;
  if (!software.empty())
    base.software = load_software(found(base, NamedFile::software, "--software", software));
}

void load_named_model(const CheckOptions& options, LaunchRequest& request, Scenario& base) {
  if (!options.model.empty()) {
    base.model = load_model(found(base, NamedFile::model, "--model", options.model));
    request.model.reset();
  } else if (!request.model && request.model_file && base.model.kinds.empty()) {
    base.model = load_model(*request.model_file);
  }
}

// What the command line says goes before what the launch says.
void override_request(const CheckOptions& options, LaunchRequest& request) {
  if (options.devices) {
    request.devices = options.devices;
    request.nodes.reset();
    request.devices_per_node.reset();
  }
  if (options.devices_per_node) request.devices_per_node = options.devices_per_node;
  if (options.micro_batch) request.micro_batch = options.micro_batch;
  if (options.global_batch) request.global_batch = options.global_batch;
  if (options.vocab && request.model) request.model->vocab = *options.vocab;
  if (options.seq_length) request.seq_length = options.seq_length;
}

void require_cluster(const LaunchRequest& request, Scenario& base) {
  if (base.cluster.devices_per_node == 0) base.cluster.devices_per_node = base.hardware.node.devices;
  if (base.cluster.nodes == 0 && !request.nodes && !request.devices)
    throw InputError(request.file, 0, "devices",
                     "the launch does not say on how many devices; give --devices");
}

PlanResult better_layouts(const Scenario& scenario, const Prediction& launched, int64_t top) {
  SearchOptions search;
  search.top = top;
  PlanResult plan = plan_layouts(scenario, search);
  if (launched.fit == Fit::fits)
    std::erase_if(plan.layouts, [&](const PricedLayout& priced) {
      return priced.prediction.iteration_time_s >= launched.iteration_time_s;
    });
  return plan;
}

int run_check(const CheckOptions& options) {
  LaunchRequest request = read_launch(options.launch, options.ignore);
  override_request(options, request);
  Scenario base = base_of(options);
  load_profiles(options, request, base);
  load_named_model(options, request, base);
  require_cluster(request, base);
  CheckResult check;
  check.scenario = scenario_for(request, base);
  const Layout layout = complete_layout(request, check.scenario);
  check.prediction = predict_or_fail(check.scenario, layout, options.launch, "layout");
  check.better = better_layouts(check.scenario, check.prediction, options.top);
  if (!options.measured.empty())
    check.difference =
        explain_difference(check.scenario, check.prediction, parse_duration(options.measured).value());
  check.request = std::move(request);
  Outputs outputs({options.launch}, {false, options.json});
  outputs.deliver({}, options.json ? check_json(check) : check_report(check));
  return check.prediction.fit == Fit::exceeds ? kCouldNot : kDone;
}

void add_profiles(CLI::App* command, CheckOptions& options) {
  command
      ->add_option("--scenario", options.scenario,
                   "Scenario or plan that stands for what the launch does not say")
      ->type_name("FILE");
  command->add_option("--model", options.model, "Model, where the launch names none that can be read")
      ->type_name("NAME");
  command->add_option("--hardware", options.hardware, "Hardware profile")->type_name("NAME");
  command->add_option("--host", options.host, "Host profile")->type_name("NAME");
  command->add_option("--network", options.network, "Network profile, for several nodes")->type_name("NAME");
  command
      ->add_option("--software", options.software, "Software profile, instead of the framework's usual one")
      ->type_name("NAME");
}

void add_sizes(CLI::App* command, CheckOptions& options) {
  const auto add = [&](const char* name, std::optional<int64_t>& value, const char* help) {
    command->add_option(name, value, help)->check(whole_number(1, int64_t{1} << 40))->type_name("N");
  };
  add("--devices", options.devices, "Devices, where the launch does not say them");
  add("--devices-per-node", options.devices_per_node, "Devices of a node; usually the hardware's");
  add("--micro-batch", options.micro_batch, "Samples per device and pass");
  add("--global-batch", options.global_batch, "Samples per step");
  add("--vocab", options.vocab, "Words of the vocabulary, where only the tokenizer knows them");
  add("--seq-length", options.seq_length, "Tokens of a sample");
}

}  // namespace

void add_check(CLI::App& app, Command& chosen) {
  const auto options = std::make_shared<CheckOptions>();
  CLI::App* command =
      app.add_subcommand("check", "Price somebody's launch file, and say what would be better");
  command
      ->add_option(
          "LAUNCH", options->launch,
          "Shell script with a command line of Megatron, ms-swift, accelerate or torchrun; DeepSpeed JSON; "
          "YAML of accelerate, NeMo AutoModel or Megatron")
      ->required()
      ->type_name("FILE");
  add_profiles(command, *options);
  add_sizes(command, *options);
  command->add_option("--measured", options->measured, "Measured time of a step, to explain the difference")
      ->check(duration())
      ->type_name("TIME");
  command->add_option("--ignore", options->ignore, "Settings of the launch to pass over")
      ->delimiter(',')
      ->type_name("NAMES");
  command->add_option("--top", options->top, "Better layouts to show")
      ->check(whole_number(0, kMostShown))
      ->capture_default_str();
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options, &chosen] { chosen = [options] { return run_check(*options); }; });
}

}  // namespace paraplan
