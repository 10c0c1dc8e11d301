#include "planner/compare/profile_update.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "costmodel/base/input_error.h"
#include "costmodel/ops/blocks.h"
#include "costmodel/ops/lifetimes.h"
#include "costmodel/prices/op_sample_key.h"

namespace paraplan {
namespace {

// The list that a walk over a block goes through; none for walks that are not over the block's own ops.
const std::vector<Op>* ops_of(const ModelBlocks& blocks, const OpKey& key) {
  if (key.block == BlockName::step) return nullptr;
  const Block& block = blocks[key.block];
  if (key.walk == Walk::forward || key.walk == Walk::recompute) return &block.forward;
  return key.walk == Walk::backward ? &block.backward : nullptr;
}

// Calls of one shape, wherever they are made.
class SampleSums {
 public:
  void add(const OpSample& op, const OpTime& measured) {
    auto found = std::ranges::find_if(sums_, [&op](const Sum& s) { return key_of(s.sample) == key_of(op); });
    if (found == sums_.end()) found = sums_.insert(sums_.end(), {op, 0});
    found->sample.seconds += measured.seconds;
    found->calls += static_cast<double>(measured.calls);
  }

  std::vector<OpSample> means() const {
    std::vector<OpSample> samples;
    for (const Sum& s : sums_) {
      if (s.sample.seconds <= 0) continue;  // shorter than the clock's tick
      samples.push_back(s.sample);
      samples.back().seconds /= s.calls;
    }
    return samples;
  }

 private:
  struct Sum {
    OpSample sample;  // seconds: of all calls
    double calls = 0;
  };
  std::vector<Sum> sums_;
};

std::vector<OpSample> measured_ops(const Scenario& scenario, const RunRecord& run,
                                   const std::string& run_path) {
  const ModelBlocks blocks = model_blocks(scenario, run.layout);
  SampleSums sums;
  const int64_t ranks = sample_ranks(scenario.hardware.device, run.layout.devices() / run.cluster.nodes);
  for (const std::vector<OpTime>& stage : run.stage_ops) {
    for (const OpTime& measured : stage) {
      const std::vector<Op>* ops = ops_of(blocks, measured.key);
      if (ops == nullptr) continue;
      if (measured.key.index >= ops->size() || measured.name != (*ops)[measured.key.index].name) {
        throw InputError(run_path, 0, "stage.ops",
                         fmt::format("{} is no op of {}; the run was made by another version of the program",
                                     to_string(measured), run.scenario_file));
      }
      const Op& op = (*ops)[measured.key.index];
      if (is_collective(op.kind) || measured.calls == 0) continue;
      sums.add(sample_of(op, scenario.precision, ranks), measured);
    }
  }
  return sums.means();
}

void refuse_other_machine(const HardwareProfile& profile, const std::string& profile_path,
                          const RunRecord& run) {
  const std::string wanted = fmt::format("the run was made on {}", run.machine);
  if (!profile.measured_on) {
    throw InputError(
        profile_path, 0, "measured_on",
        fmt::format("missing: the profile was not measured, and {}; make one with `paraplan profile`",
                    wanted));
  }
  const std::string machine =
      fmt::format("{}, {}", profile.measured_on->machine, profile.measured_on->libraries);
  if (machine != run.machine) {
    throw InputError(profile_path, 0, "measured_on",
                     fmt::format("the profile was measured on {}; {}", machine, wanted));
  }
}

}  // namespace

ProfileUpdate updated_profile(const HardwareProfile& profile, const std::string& profile_path,
                              const Scenario& scenario, const RunRecord& run, const std::string& run_path) {
  refuse_other_machine(profile, profile_path, run);
  const std::vector<OpSample> measured = measured_ops(scenario, run, run_path);
  ProfileUpdate update{profile, measured.size()};
  std::vector<OpSample>& samples = update.profile.device.op_samples;
  for (const OpSample& sample : measured) {
    std::erase_if(samples, [&sample](const OpSample& old) { return key_of(old) == key_of(sample); });
    samples.push_back(sample);
  }
  MeasuredOn& measured_on = *update.profile.measured_on;
  measured_on.date = run.date;
  measured_on.load = worse(measured_on.load, run.load);
  return update;
}

}  // namespace paraplan
