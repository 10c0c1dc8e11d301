#include <fmt/format.h>

#include <cstdio>
#include <functional>
#include <memory>
#include <numeric>
#include <sstream>
#include <string>
#include <thread>

#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/run_setup.h"
#include "costmodel/base/input_error.h"
#include "costmodel/io/run_file.h"
#include "executor/emulation/emulated_run.h"
#include "executor/run/interrupt.h"
#include "executor/run/machine.h"
#include "executor/run/record_run.h"
#include "executor/worlds/worlds.h"
#include "planner/report/run_report.h"
#include "planner/report/trace.h"

namespace paraplan {
namespace {

constexpr int64_t kMostSteps = 1'000'000'000;
constexpr int64_t kMostRanks = 1'000'000;

void print_warnings(const RunSetup& setup, const std::string& transport) {
  const std::vector<std::string> warnings =
      run_warnings(setup, this_machine().name, std::thread::hardware_concurrency(), transport);
  for (const std::string& warning : warnings) print_warning(warning);
}

RunRecord record_of(const RunSetup& setup, const TrainingResult& result, const std::string& transport) {
  return record_run(setup.job, result,
                    {.digest = setup.digest,
                     .transport = transport,
                     .machine = to_string(this_machine()),
                     .date = utc_now()});
}

// What rank 0 leaves behind: the files that were asked for, and the report.
void deliver(const RunOptions& options, const RunSetup& setup, const TrainingResult& result,
             const std::string& transport) {
  const Scenario& scenario = setup.job.scenario;
  const RunRecord run = record_of(setup, result, transport);
  std::vector<FileSet> files;
  if (!options.out.empty()) files.push_back({{options.out, run_text(run)}});
  if (!options.trace.empty()) {
    std::ostringstream trace;
    write_chrome_trace(stage_timelines(setup.job, result), trace);
    files.push_back({{options.trace, trace.str()}});
  }
  setup.outputs.deliver(files, options.json ? run_json(scenario, run, setup.prediction)
                                            : run_report(scenario, run, setup.prediction));
  print_warning(load_warning(run.load, "the steps were measured"));
  if (run.complete) return;
  fmt::print(stderr, "paraplan: interrupted after {} steps{}\n", run.steps.size(),
             options.out.empty() ? std::string() : fmt::format("; {} holds them", options.out));
}

using Train = std::function<TrainingResult(const TrainingHooks& hooks)>;

// Trains and leaves what is known, where `speaks`. The exit code, the same on all ranks.
int train_and_tell(const RunOptions& options, const RunSetup& setup, const InterruptWatch& watch,
                   const std::string& transport, bool speaks, const Train& train) {
  const TrainingJob& job = setup.job;
  if (speaks) print_warnings(setup, transport);
  std::unique_ptr<ProgressBar> bar;
  if (speaks && options.json) bar = std::make_unique<ProgressBar>("training");
  TrainingHooks hooks;
  hooks.after_step = [&](int64_t step, const StepRecord& record) {
    if (bar) return bar->show(step + 1, job.warmup_steps + job.steps);
    setup.outputs.print_report(step_line(job.scenario, step, record, !setup.emulated_ranks.empty()));
  };
  hooks.stop = [&watch] { return watch.interrupted(); };
  // A launcher may kill long before the step's end: what is known stays on disk.
  if (!options.out.empty())
    hooks.progress = [&](const TrainingResult& so_far) {
      setup.outputs.save({options.out, run_text(record_of(setup, so_far, transport))});
    };
  const TrainingResult result = train(hooks);
  bar.reset();
  if (speaks) deliver(options, setup, result, transport);
  return result.complete ? kDone : kCouldNot;
}

int train_rank(World& world, const RunOptions& options, const RunSetup& setup, const InterruptWatch& watch) {
  return train_and_tell(
      options, setup, watch, world.transport(), world.rank() == 0,
      [&](const TrainingHooks& hooks) { return train(world, setup.job, *setup.samples, hooks); });
}

int run_emulated(const RunOptions& options, const RunSetup& setup, const InterruptWatch& watch) {
  return train_and_tell(options, setup, watch, "emulated", true, [&](const TrainingHooks& hooks) {
    return train_emulated(setup.job, setup.emulated_ranks, *setup.samples, hooks);
  });
}

int run_with_threads(const RunOptions& options) {
  const RunSetup setup = set_up_run(options, 0);
  const InterruptWatch watch;
  if (!setup.emulated_ranks.empty()) return run_emulated(options, setup, watch);
  int exit_code = kDone;
  run_threads(static_cast<int>(setup.job.layout.devices()), [&](World& world) {
    const int code = train_rank(world, options, setup, watch);
    if (world.rank() == 0) exit_code = code;
  });
  return exit_code;
}

// What keeps a rank from starting.
struct Trouble {
  int exit_code = kDone;
  std::string message;
};

Trouble find_trouble(const RunOptions& options, const World& world, RunSetup& setup) {
  try {
    setup = set_up_run(options, world.size());
  } catch (const InputError& error) {
    return {kBadInput, error.what()};
  } catch (const std::exception& error) {
    return {kCouldNot, error.what()};
  }
  return {};
}

// The worst exit code of all ranks. The first rank in trouble says what it is: mostly all have the same.
int agree(Communicator& all, const Trouble& mine) {
  double first = mine.exit_code == kDone ? 0 : all.size() - all.rank();
  double worst = mine.exit_code;
  all.all_reduce(&first, 1, ElementType::fp64, Reduction::maximum);
  all.all_reduce(&worst, 1, ElementType::fp64, Reduction::maximum);
  if (first > 0 && static_cast<int>(first) == all.size() - all.rank())
    fmt::print(stderr, "paraplan: {}\n", mine.message);
  return static_cast<int>(worst);
}

int run_with_mpi(const RunOptions& options) {
  int exit_code = kDone;
  run_mpi([&](World& world) {
    const InterruptWatch watch;
    std::vector<int> members(static_cast<size_t>(world.size()));
    std::iota(members.begin(), members.end(), 0);
    const std::unique_ptr<Communicator> all = world.group(members);
    RunSetup setup;
    exit_code = agree(*all, find_trouble(options, world, setup));
    if (exit_code == kDone) exit_code = train_rank(world, options, setup, watch);
    // A process that ends with an error makes the launcher end the others, so rank 0 comes to its end first.
    all->barrier();
  });
  return exit_code;
}

void add_options(CLI::App* command, RunOptions& options) {
  command->add_option("INPUT", options.input, "File of `paraplan plan --out`, or a scenario (.toml)")
      ->required()
      ->type_name("PLAN|SCENARIO");
  command->add_option("--layout", options.layout, "Layout, when a scenario is given")->type_name("LAYOUT");
  command->add_option("--device", options.device, "What computes: cpu or cuda")
      ->check(one_of({"cpu", "cuda"}))
      ->capture_default_str();
  command
      ->add_option("--ranks", options.ranks,
                   "Ranks, each a thread, or under mpirun a process; as the layout has")
      ->check(whole_number(1, kMostRanks))
      ->type_name("N");
  command
      ->add_option(
          "--emulate-rank", options.emulate,
          "Run this rank alone, or the first of each stage in turn: the others take the time that is "
          "predicted, so plans may be far larger than the machine")
      ->type_name("R|all-stages");
  command->add_option("--steps", options.steps, "Steps to measure")
      ->check(whole_number(1, kMostSteps))
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--warmup", options.warmup_steps, "Steps before those, not measured")
      ->check(whole_number(0, kMostSteps))
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--data", options.data, "Tokens to train on (binary); without it, made-up text")
      ->type_name("FILE");
  command->add_option("--trace", options.trace, "File for the last step's timeline (Chrome trace)")
      ->check(file_name())
      ->type_name("TRACE");
  command->add_option("--out", options.out, "File for all that was measured, also when interrupted")
      ->check(file_name())
      ->type_name("RUN");
  add_force(command, options.force);
  command->add_flag("--json", options.json, "Print JSON");
}

}  // namespace

void add_run(CLI::App& app, Command& chosen) {
  const auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand("run", "Train by a plan for real and measure it");
  add_options(command, *options);
  command->callback([options, &chosen] {
    chosen = [options] { return started_by_mpi() ? run_with_mpi(*options) : run_with_threads(*options); };
  });
}

}  // namespace paraplan
