#include "costmodel/time/op_times.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace paraplan {
namespace {

// How often a step runs one block's walks on a stage.
struct WalkCalls {
  int64_t passes = 0, recomputed = 0, core_recomputed = 0;
};

OpTime entry(const OpKey& key, const Op& op, int64_t calls, const Price& price) {
  return {.key = key,
          .name = op.name,
          .kind = to_string(op.kind),
          .category = category_of(key, op),
          .calls = calls,
          .seconds = price.seconds * static_cast<double>(calls),
          .origin = price.origin};
}

// Of what has constants of its own; other waits follow from all that the stages do.
std::optional<PriceOrigin> wait_origin(const Scenario& scenario, Wait wait) {
  const HostCost& host = scenario.software.host;
  const Constant& scale = scenario.host.time_scale;
  switch (wait) {
    case Wait::host_gap:
    case Wait::host_update:
      if (host.launch_s == 0) return origin_of({&scenario.hardware.host.kernel_launch_s});
      return origin_of({&host.launch_s, &host.backward_launch_s, &scale});
    case Wait::host_micro_batch:
      return origin_of({&host.micro_batch_s, &scale});
    case Wait::host_step:
      return origin_of({&host.step_s, &scale});
    case Wait::straggler:
      return origin_of({&scenario.network.straggler});
    case Wait::receive:
    case Wait::bubble:
    case Wait::other_stages:
      break;
  }
  return std::nullopt;
}

// Collects the ops of one stage.
class StageOps {
 public:
  StageOps(const BlockPricer& pricer, const GroupPlacements& groups) : pricer_(pricer), groups_(groups) {}

  // `split`: the schedule has weight passes.
  void add_block(BlockName name, const Block& block, const ShardedState& state, const WalkCalls& calls,
                 bool split) {
    add(name, Walk::forward, block.forward, calls.passes);
    add(name, Walk::backward, block.backward, calls.passes, {.in_two_passes = split});
    add(name, Walk::recompute, block.forward, calls.recomputed);
    add(name, Walk::recompute, block.forward, calls.core_recomputed, attention_core(block.forward));
    add(name, Walk::restore, state.restore, calls.recomputed);
    add(name, Walk::gather, state.gather,
        (reads_weights(block.forward) ? calls.passes : 0) +
            (reads_weights(block.backward) ? calls.passes : 0) + calls.recomputed);
    add(name, Walk::reduce, state.reduce, calls.passes);
  }

  // Gathers and reductions so far take together what is seen of them beside other work.
  void hide(TimeCategory category, double exposed_s) {
    double total_s = 0;
    for (const OpTime& op : ops)
      if (op.category == category) total_s += op.seconds;
    if (total_s == 0) return;
    for (OpTime& op : ops)
      if (op.category == category) op.seconds *= exposed_s / total_s;
  }

  void add_tail(const TailTime& tail) {
    for (size_t i = 0; i < tail.ops().size(); ++i) {
      const OpKey key{BlockName::step, Walk::update, static_cast<uint16_t>(i)};
      ops.push_back(entry(key, tail.ops()[i].op, 1, tail.price(i)));
      ops.back().calls = tail.ops()[i].calls;
    }
  }

  void add_wait(const Scenario& scenario, const WaitTime& wait) {
    ops.push_back({.key = {BlockName::step, Walk::wait, static_cast<uint16_t>(wait.wait)},
                   .name = to_string(wait.wait),
                   .kind = "wait",
                   .category = category_of(wait.wait),
                   .calls = wait.calls,
                   .seconds = wait.seconds,
                   .origin = wait_origin(scenario, wait.wait).value_or(last_origin())});
  }

  std::vector<OpTime> ops;

 private:
  // Of the ops so far.
  PriceOrigin last_origin() const {
    PriceOrigin last = PriceOrigin::measured;
    for (const OpTime& op : ops)
      if (op.key.walk != Walk::wait) last = std::max(last, op.origin);
    return last;
  }

  void add(BlockName block, Walk walk, const std::vector<Op>& list, int64_t calls,
           const OpSelection& selection = {}) {
    if (calls == 0) return;
    pricer_.price_ops(list, groups_, selection, [&](size_t i, const Price& price) {
      ops.push_back(entry({block, walk, static_cast<uint16_t>(i)}, list[i], calls, price));
    });
  }

  const BlockPricer& pricer_;
  const GroupPlacements& groups_;
};

ByBlock<WalkCalls> calls_on(const StepPlan& plan, int64_t stage, size_t layer_kinds) {
  ByBlock<WalkCalls> calls(layer_kinds);
  plan.split.for_stage(stage, [&](size_t i) {
    for (const Segment& s : plan.split.at(i).segments) {
      WalkCalls& of_block = calls[s.block];
      const int64_t times = s.repeats * plan.micro_batches;
      of_block.passes += times;
      if (s.kept == Kept::input) of_block.recomputed += times;
      if (s.kept == Kept::no_core) of_block.core_recomputed += times;
    }
  });
  return calls;
}

}  // namespace

TimeCategory category_of(const OpKey& key, const Op& op) {
  if (key.walk == Walk::recompute || key.walk == Walk::restore) return TimeCategory::recompute;
  return key.walk == Walk::update ? tail_category(op) : time_category(op);
}

std::string to_string(const OpTime& op) {
  return fmt::format("{}/{}/{} {}", to_string(op.key.block), to_string(op.key.walk), op.key.index, op.name);
}

std::vector<std::vector<OpTime>> op_times(const Scenario& scenario, const StepPlanner& planner,
                                          const StepPlan& plan, const StepTime& time, const Layout& layout) {
  const ModelBlocks blocks = model_blocks(scenario, layout);
  std::vector<std::vector<OpTime>> stages;
  for (int64_t stage = 0; stage < layout.pipeline; ++stage) {
    StageOps ops(planner.pricer(), plan.groups);
    const ByBlock<WalkCalls> calls = calls_on(plan, stage, scenario.model.kinds.size());
    for (size_t i = 0; i < blocks.size(); ++i)
      ops.add_block(blocks.name(i), blocks.values[i], sharded_state(scenario, layout, blocks.values[i]),
                    calls.values[i], splits_backward(layout.schedule));
    if (scenario.software.communication.prefetches) {
      Breakdown passes;
      plan.split.for_stage(stage, [&](size_t i) {
        passes += plan.passes_of(i).forward.device;
        passes += plan.passes_of(i).backward.device;
      });
      for (TimeCategory category : {TimeCategory::parameter_gather, TimeCategory::data_communication})
        ops.hide(category, passes[category] * static_cast<double>(plan.micro_batches));
    }
    ops.add_tail(time.tail(stage));
    time.for_waits(stage, [&](const WaitTime& wait) { ops.add_wait(scenario, wait); });
    stages.push_back(std::move(ops.ops));
  }
  return stages;
}

}  // namespace paraplan
