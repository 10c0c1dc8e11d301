#include "executor/bench/profile.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/print.h"
#include "cli/profile_device.h"
#include "cli/progress.h"
#include "cli/warnings.h"
#include "costmodel/base/input_error.h"
#include "costmodel/cost_model.h"
#include "costmodel/io/profiles/profiles.h"
#include "costmodel/io/scenario_file.h"
#include "executor/memory/resident.h"
#include "executor/run/machine.h"
#include "executor/walk/program.h"
#include "executor/worlds/worlds.h"
#include "planner/search/search_space.h"

namespace paraplan {
namespace {

// The executor runs one layout per rank count; every legal one of the scenario's search space counts.
std::vector<ShapeJob> jobs_of(Scenario scenario, int64_t ranks) {
  scenario.cluster.nodes = 1;
  scenario.cluster.devices_per_node = ranks;
  scenario.hardware.node.devices = static_cast<int>(ranks);
  scenario.hardware.device.asynchronous_launch = false;
  std::vector<ShapeJob> jobs;
  for (const Layout& layout : enumerate_layouts(scenario))
    if (!check_layout(scenario, layout) && !executor_obstacle(scenario, layout))
      jobs.push_back({scenario, layout});
  return jobs;
}

class Profiler {
 public:
  explicit Profiler(const ProfileOptions& options) : options_(options), machine_(this_machine()) {
    if (!options.for_scenario.empty())
      scenario_ = load_scenario_to_measure(options.for_scenario, options.out);
    target_ = profile_target(options, scenario_, machine_.name);
  }

  // One thread per rank: alone first, then all at once.
  int run_on_threads() {
    const std::set<int> counts = {1, options_.ranks.value_or(1)};
    warn();
    for (int ranks : counts) {
      const Jobs jobs = jobs_for(ranks);
      if (jobs.missing.empty()) continue;
      RanksProfile measured;
      run_threads(ranks, [&](World& world) {
        RanksProfile mine = measure_here(world, jobs, options_.budget_s / static_cast<double>(counts.size()));
        if (world.rank() == 0) measured = std::move(mine);
      });
      measured_.push_back(std::move(measured));
    }
    return write("threads");
  }

  int run_on_processes(World& world) {
    if (options_.ranks && *options_.ranks != world.size())
      throw InputError(
          "command line", 0, "--ranks",
          fmt::format("{} ranks are asked for, {} processes were started", *options_.ranks, world.size()));
    const Jobs jobs = jobs_for(world.size());
    if (world.rank() == 0) warn();
    if (!jobs.missing.empty()) measured_.push_back(measure_here(world, jobs, options_.budget_s));
    return world.rank() == 0 ? write("mpi") : kDone;
  }

 private:
  struct Jobs {
    std::vector<ShapeJob> missing;
    double largest_parameters = 0;  // of all, missing or not
  };

  Jobs jobs_for(int ranks) const {
    const std::vector<ShapeJob> all =
        scenario_ ? jobs_of(*scenario_, ranks) : general_jobs(ranks, executor_software());
    if (!all.empty()) const Program checked(all.front().scenario, all.front().layout);
    const bool adds = target_.previous && scenario_;
    return {missing(all, adds ? target_.previous->device.op_samples : std::vector<OpSample>{}),
            largest_parameters(all)};
  }

  void warn() const {
    if (scenario_) Warnings().print(*scenario_);
  }

  RanksProfile measure_here(World& world, const Jobs& jobs, double budget_s) const {
    if (world.rank() == 0 && scenario_) list_missing(jobs.missing);
    ProgressBar bar(fmt::format("measuring on {} rank{}", world.size(), world.size() == 1 ? "" : "s"));
    return measure(world, jobs.missing, jobs.largest_parameters, budget_s,
                   [&](int64_t done, int64_t total) { bar.show(done, total); });
  }

  void list_missing(const std::vector<ShapeJob>& jobs) const {
    constexpr size_t kShown = 5;
    const std::vector<OpSample> none;
    for (const ShapeJob& job : jobs) {
      const auto shapes = missing_shapes(job, target_.previous ? target_.previous->device.op_samples : none);
      std::string text;
      for (size_t i = 0; i < shapes.size() && i < kShown; ++i) text += (i > 0 ? ", " : "") + shapes[i];
      if (shapes.size() > kShown) text += fmt::format(" and {} more", shapes.size() - kShown);
      fmt::print(stderr, "{}: to measure: {}\n", to_string(job.layout), text);
    }
  }

  int write(const std::string& transport) {
    if (measured_.empty()) {
      print(fmt::format("{}: nothing to measure, all shapes are there\n", options_.out));
      return kDone;
    }
    const MeasuredOn on{machine_.name, machine_.libraries, transport, utc_now()};
    const HardwareProfile profile = measured_profile(
        measured_, target_.previous ? &*target_.previous : nullptr, on, machine_memory_bytes());
    target_.outputs.deliver(
        {profile_files(profile, options_.out)},
        fmt::format("{}: {} ops, {} collectives on {}\n", options_.out, profile.device.op_samples.size(),
                    profile.node.samples.size(), machine_.name) +
            load_report());
    for (const RanksProfile& m : measured_)
      print_warning(load_warning(m.load, ranks_of(m) + (m.ranks == 1 ? " was measured" : " were measured")));
    for (const RanksProfile& m : measured_)
      for (const std::string& layout : m.left_out)
        fmt::print(stderr,
                   "paraplan: no time left for {} on {} ranks; a larger --budget-s or another run adds it\n",
                   layout, m.ranks);
    return kDone;
  }

  static std::string ranks_of(const RanksProfile& m) {
    return m.ranks == 1 ? std::string("1 rank") : fmt::format("{} ranks", m.ranks);
  }

  std::string load_report() const {
    std::string text;
    for (const RanksProfile& m : measured_)
      text += fmt::format("machine load beside {}: {}\n", ranks_of(m), load_text(m.load));
    return text;
  }

  ProfileOptions options_;
  Machine machine_;
  std::optional<Scenario> scenario_;
  ProfileTarget target_;
  std::vector<RanksProfile> measured_;
};

int run_profile(const ProfileOptions& options) {
  if (options.device != "cpu") return profile_accelerator(options);
  if (!started_by_mpi()) return Profiler(options).run_on_threads();
  int exit_code = kDone;
  run_mpi([&](World& world) { exit_code = Profiler(options).run_on_processes(world); });
  return exit_code;
}

}  // namespace

SoftwareProfile executor_software() {
  SoftwareProfile software;
  Fusion& f = software.fusion;
  f.cross_entropy = f.gradient_accumulation = f.in_place_gradients = true;
  software.communication.reduces_by_block = true;
  return software;
}

void add_profile(CLI::App& app, Command& chosen) {
  const auto options = std::make_shared<ProfileOptions>();
  CLI::App* command = app.add_subcommand("profile", "Measure this machine's kernels and links");
  command->add_option("--device", options->device, "What to measure: cpu, or cuda (the first GPU)")
      ->capture_default_str();
  command
      ->add_option("--ranks", options->ranks,
                   "Ranks that work at the same time (cores, 1 unless said); under mpirun its processes")
      ->check(whole_number(1, 1024))
      ->type_name("N");
  command
      ->add_option("--out", options->out,
                   "Hardware profile to write; measurements of this machine in it are kept")
      ->required()
      ->check(file_name())
      ->type_name("PROFILE");
  command->add_option("--for", options->for_scenario, "Measure just the shapes that this scenario needs")
      ->type_name("SCENARIO");
  add_force(command, options->force);
  command->add_option("--budget-s", options->budget_s, "Seconds to spend, about")
      ->check(number_above_zero())
      ->capture_default_str();
  command->callback([options, &chosen] { chosen = [options] { return run_profile(*options); }; });
}

}  // namespace paraplan
