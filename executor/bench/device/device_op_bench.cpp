#include "executor/bench/device/device_op_bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <new>
#include <stdexcept>

#include "executor/data/sample_maker.h"
#include "executor/walk/launcher.h"

namespace paraplan {
namespace {

constexpr double kReplaySeconds = 1e-3;  // long beside the clock's resolution
constexpr double kOpSeconds = 0.1;       // of replays, for one op
constexpr double kMostLaunches = 4096;   // in one graph
constexpr double kShortest = 1e-9;       // below what a clock sees
constexpr double kGibi = 1024.0 * 1024 * 1024;

// Tokens or targets for a block: any of the vocabulary; sentence labels, of two classes, stand last.
std::vector<int64_t> indices_for(const NeededOp& needed, const Block& block) {
  const TensorId t = block.tokens >= 0 ? block.tokens : block.targets;
  if (t < 0) return {};
  const ModelSpec& model = needed.job->scenario.model;
  const int64_t count = block.tensors[static_cast<size_t>(t)].rows;
  const bool masked = t == block.targets && model.task == TrainingTask::masked_tokens;
  const int64_t labels = masked ? needed.job->layout.micro_batch : 0;
  std::vector<int64_t> indices(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const auto classes = static_cast<uint64_t>(i + labels < count ? model.vocab : 2);
    indices[static_cast<size_t>(i)] = static_cast<int64_t>(draw(1, static_cast<uint64_t>(i)) % classes);
  }
  return indices;
}

Launcher::Job launch_job(const NeededOp& needed) {
  const ShapeJob& job = *needed.job;
  return {job.scenario.model, block_shape(job.scenario, job.layout), job.scenario.global_batch, 1};
}

// Along the context axis the last rank, whose queries see every key: the one that the others wait for.
Coordinates busiest_rank(const Layout& layout) {
  Coordinates me;
  me.context = layout.context - 1;
  return me;
}

}  // namespace

int64_t rotated_sets(double bytes, double cache_bytes) {
  constexpr double kFewest = 2, kMost = 64;
  return static_cast<int64_t>(
      std::clamp(std::floor(2 * cache_bytes / std::max(bytes, 1.0)) + 1, kFewest, kMost));
}

DeviceOpBench::DeviceOpBench(Accelerator& accelerator)
    : accelerator_(accelerator), cache_bytes_(accelerator.info().cache_bytes) {}

DeviceOpBench::Side& DeviceOpBench::side(ElementType type) {
  Side& side = sides_[type];
  if (!side.backend) {
    side.backend = accelerator_.make_backend(type);
    side.random = std::make_unique<RandomData>(*side.backend);
  }
  return side;
}

double DeviceOpBench::free_bytes() const {
  constexpr double kMargin = kGibi / 4;
  return std::max(0.0, accelerator_.free_memory_bytes() - kMargin);
}

Backend& DeviceOpBench::backend(ElementType type) {
  return *side(type).backend;
}

OpOutcome DeviceOpBench::time(const NeededOp& op) {
  const ElementType type = element_type_of(op.key.precision);
  const bool accumulates = op.op.kind == OpKind::accumulate;
  const Block block = block_of(op);
  const std::vector<OperandNeed> needs = operands_of(op.op, block, type);
  const double bytes = accumulates ? op.op.bytes : static_cast<double>(bytes_of(needs));
  const int64_t sets = rotated_sets(bytes, cache_bytes_);
  const double wanted = static_cast<double>(sets) * bytes;
  try {
    Side& here = side(type);
    const double free = free_bytes();
    if (wanted > free)
      return {{},
              fmt::format("needs {:.1f} GiB of memory, {:.1f} GiB are free", wanted / kGibi, free / kGibi)};
    const Measurement m = accumulates ? time_accumulation(here, op.op.bytes, sets)
                                      : time_launched(here, op, block, needs, sets);
    OpSample sample = op.key;
    sample.seconds = m.seconds, sample.noise = m.noise;
    if (m.seconds > 0) return {sample, {}};
    return {{}, "takes no time that the clock sees"};
  } catch (const std::bad_alloc&) {
    return {{}, fmt::format("{:.1f} GiB of memory could not be had", wanted / kGibi)};
  } catch (const std::invalid_argument& error) {
    return {{}, error.what()};
  }
}

Measurement DeviceOpBench::time_launched(Side& side, const NeededOp& needed, const Block& block,
                                         const std::vector<OperandNeed>& needs, int64_t sets) {
  const std::vector<int64_t> indices = indices_for(needed, block);
  const LaunchSite site = site_in(needed.block, 0);
  Launcher launcher(launch_job(needed), busiest_rank(needed.job->layout), nullptr, *side.backend);
  DeviceArena arena(*side.backend, static_cast<size_t>(sets) * bytes_of(needs));
  std::vector<std::unique_ptr<OperandSet>> operands;
  for (int64_t i = 0; i < sets; ++i)
    operands.push_back(
        std::make_unique<OperandSet>(*side.backend, arena, *side.random, block, needs, indices));
  return time(
      sets,
      [&](int64_t set) { launcher.launch(needed.op, operands[static_cast<size_t>(set)]->frame(), site); },
      [&] {
        for (const auto& set : operands) set->refresh();
      });
}

// The executor's kernels add to the gradients themselves; for other software's: the new gradient is read, the
// buffer read and written.
Measurement DeviceOpBench::time_accumulation(Side& side, double bytes, int64_t sets) {
  constexpr double kPasses = 3;
  const ElementType type = side.backend->element_type();
  const auto count = static_cast<int64_t>(bytes / kPasses / static_cast<double>(size_of(type)));
  const auto one = static_cast<size_t>(count * size_of(type));
  DeviceArena arena(*side.backend, static_cast<size_t>(2 * sets) * DeviceArena::padded(one));
  std::vector<Matrix> matrices;
  for (int64_t i = 0; i < 2 * sets; ++i) {
    matrices.push_back({arena.take(one), 1, count, count});
    side.random->fill(Content::values, type, matrices.back().data, one);
  }
  const auto matrix = [&](int64_t i) { return matrices[static_cast<size_t>(i)]; };
  return time(
      sets,
      [&](int64_t set) { side.backend->add(matrix(2 * set), matrix(2 * set + 1), matrix(2 * set + 1)); },
      [] {});
}

Measurement DeviceOpBench::time(int64_t sets, const std::function<void(int64_t)>& launch,
                                const std::function<void()>& refresh) {
  launch(0);  // libraries load and choose their kernels
  const double turn_s = accelerator_.queued_seconds([&] {
    for (int64_t i = 0; i < sets; ++i) launch(i);
  });
  const double most = std::max(1.0, std::floor(kMostLaunches / static_cast<double>(sets)));
  const double turns = std::clamp(std::ceil(kReplaySeconds / std::max(turn_s, kShortest)), 1.0, most);
  const int64_t launches = static_cast<int64_t>(turns) * sets;
  const auto recording = accelerator_.record([&] {
    for (int64_t i = 0; i < launches; ++i) launch(i % sets);
  });
  recording->seconds();
  StopRule rule(kOpSeconds);
  std::vector<double> seconds;
  for (bool more = true; more;) {
    refresh();
    const double replay_s = recording->seconds();
    seconds.push_back(replay_s / static_cast<double>(launches));
    more = rule.go_on(seconds.back(), replay_s);
  }
  return summarize(std::move(seconds));
}

}  // namespace paraplan
