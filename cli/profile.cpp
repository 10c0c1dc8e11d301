#include "executor/bench/profile.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "cli/commands.h"
#include "cli/progress.h"
#include "costmodel/cost_model.h"
#include "costmodel/input_error.h"
#include "costmodel/io/profiles.h"
#include "costmodel/io/scenario_file.h"
#include "costmodel/io/text.h"
#include "executor/machine.h"
#include "executor/resident.h"
#include "executor/worlds.h"
#include "planner/search_space.h"

namespace paraplan {
namespace {

struct ProfileOptions {
  std::string device = "cpu";
  int ranks = 1;
  std::string out;
  std::string for_scenario;
  double budget_s = 60;
};

// The executor runs one layout per rank count; every legal one of the scenario's search space counts.
std::vector<ShapeJob> jobs_of(Scenario scenario, int64_t ranks) {
  scenario.cluster.nodes = 1;
  scenario.cluster.devices_per_node = ranks;
  scenario.hardware.node.devices = static_cast<int>(ranks);
  std::vector<ShapeJob> jobs;
  for (const Layout& layout : enumerate_layouts(scenario))
    if (!check_layout(scenario, layout)) jobs.push_back({scenario, layout});
  return jobs;
}

// The profile that is there already and may be added to; none when it is of another machine.
std::optional<HardwareProfile> previous_profile(const std::string& path, const std::string& machine) {
  if (!file_exists(path)) return std::nullopt;
  HardwareProfile previous = load_hardware(path);
  if (previous.measured_on && previous.measured_on->machine == machine) return previous;
  fmt::print(stderr, "paraplan: {} is of another machine ({}); it is replaced\n", path,
             previous.measured_on ? previous.measured_on->machine : "not measured");
  return std::nullopt;
}

SoftwareProfile executor_software() {
  SoftwareProfile software;
  Fusion& f = software.fusion;
  f.cross_entropy = f.gradient_accumulation = f.in_place_gradients = true;
  return software;
}

class Profiler {
 public:
  explicit Profiler(const ProfileOptions& options) : options_(options), machine_(this_machine()) {
    previous_ = previous_profile(options.out, machine_.name);
    if (!options.for_scenario.empty()) scenario_ = load_scenario(options.for_scenario);
  }

  // One thread per rank: alone first, then all at once.
  int run_on_threads() {
    std::set<int> counts = {1, options_.ranks};
    for (int ranks : counts) {
      const std::vector<ShapeJob> jobs = jobs_for(ranks);
      RanksProfile measured;
      run_threads(ranks, [&](World& world) {
        RanksProfile mine = measure_here(world, jobs, options_.budget_s / static_cast<double>(counts.size()));
        if (world.rank() == 0) measured = std::move(mine);
      });
      measured_.push_back(std::move(measured));
    }
    return write("threads");
  }

  int run_under_mpi() {
    int result = kDone;
    run_mpi([&](World& world) {
      RanksProfile mine = measure_here(world, jobs_for(world.size()), options_.budget_s);
      if (world.rank() != 0) return;
      measured_.push_back(std::move(mine));
      result = write("mpi");
    });
    return result;
  }

 private:
  std::vector<ShapeJob> jobs_for(int ranks) const {
    const std::vector<ShapeJob> all =
        scenario_ ? jobs_of(*scenario_, ranks) : general_jobs(ranks, executor_software());
    return missing(all, previous_ && scenario_ ? previous_->device.op_samples : std::vector<OpSample>{});
  }

  RanksProfile measure_here(World& world, const std::vector<ShapeJob>& jobs, double budget_s) const {
    if (world.rank() == 0 && scenario_) list_missing(jobs);
    ProgressBar bar(fmt::format("measuring on {} rank{}", world.size(), world.size() == 1 ? "" : "s"));
    return measure(world, jobs, budget_s, [&](int64_t done, int64_t total) { bar.show(done, total); });
  }

  void list_missing(const std::vector<ShapeJob>& jobs) const {
    constexpr size_t kShown = 5;
    const std::vector<OpSample> none;
    for (const ShapeJob& job : jobs) {
      const auto shapes = missing_shapes(job, previous_ ? previous_->device.op_samples : none);
      std::string text;
      for (size_t i = 0; i < shapes.size() && i < kShown; ++i) text += (i > 0 ? ", " : "") + shapes[i];
      if (shapes.size() > kShown) text += fmt::format(" and {} more", shapes.size() - kShown);
      fmt::print(stderr, "{}: to measure: {}\n", to_string(job.layout), text);
    }
  }

  int write(const std::string& transport) {
    const MeasuredOn on{machine_.name, machine_.libraries, transport, utc_now()};
    const HardwareProfile profile =
        measured_profile(measured_, previous_ ? &*previous_ : nullptr, on, machine_memory_bytes());
    write_hardware(profile, options_.out);
    for (const RanksProfile& m : measured_)
      for (const std::string& layout : m.left_out)
        fmt::print(stderr,
                   "paraplan: no time left for {} on {} ranks; a larger --budget-s or another run adds it\n",
                   layout, m.ranks);
    fmt::print("{}: {} ops, {} collectives on {}\n", options_.out, profile.device.op_samples.size(),
               profile.node.samples.size(), machine_.name);
    return kDone;
  }

  ProfileOptions options_;
  Machine machine_;
  std::optional<HardwareProfile> previous_;
  std::optional<Scenario> scenario_;
  std::vector<RanksProfile> measured_;
};

int run_profile(const ProfileOptions& options) {
  if (options.device != "cpu")
    throw InputError(
        "command line", 0, "--device",
        fmt::format("this build has no microbenchmarks for \"{}\"; known here: cpu", options.device));
  Profiler profiler(options);
  return started_by_mpi() ? profiler.run_under_mpi() : profiler.run_on_threads();
}

}  // namespace

void add_profile(CLI::App& app, Command& chosen) {
  const auto options = std::make_shared<ProfileOptions>();
  CLI::App* command = app.add_subcommand("profile", "Measure this machine's kernels and links");
  command->add_option("--device", options->device, "What to measure: cpu")->capture_default_str();
  command->add_option("--ranks", options->ranks, "Ranks that work at the same time (cores)")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command
      ->add_option("--out", options->out,
                   "Hardware profile to write; measurements of this machine in it are kept")
      ->required()
      ->type_name("PROFILE");
  command->add_option("--for", options->for_scenario, "Measure just the shapes that this scenario needs")
      ->type_name("SCENARIO");
  command->add_option("--budget-s", options->budget_s, "Seconds to spend, about")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->callback([options, &chosen] { chosen = [options] { return run_profile(*options); }; });
}

}  // namespace paraplan
