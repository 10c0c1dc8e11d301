#pragma once

#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "costmodel/model/scenario.h"
#include "costmodel/time/block_cost.h"
#include "costmodel/time/pipeline_replay.h"
#include "costmodel/time/stage_cost.h"

namespace paraplan {

// One training step of a layout, ready to be timed: what every virtual stage does for a micro-batch, and how
// long its messages take.
struct StepPlan {
  GroupPlacements groups;
  const ModelCost& model;   // owned by the planner
  const ModelSplit& split;  // likewise
  int64_t micro_batches = 1;
  std::vector<StagePasses> passes = {};  // by chunk
  std::vector<StateCount> states = {};   // of one rank, by kind of stage
  PipelineTimes times = {};

  const StagePasses& passes_of(size_t virtual_stage) const {
    return passes[static_cast<size_t>(split.chunk_of[virtual_stage])];
  }
  const StateCount& state_of(int64_t stage) const { return states[split.kind(stage)]; }
};

// The layout with all settings at their defaults that leave its step plan alone: ZeRO stage and offload,
// unless they make passes gather or reduce. Layouts for which this is the same have the same plan.
Layout layout_of_passes(const SoftwareProfile& software, const Layout& layout);

// Compiles layouts of one scenario to step plans; remembers prices of blocks and splits of the
// model by what they depend on.
class StepPlanner {
 public:
  // Keeps a reference to the scenario.
  explicit StepPlanner(const Scenario& scenario);

  StepPlan plan(const Layout& layout);

  const BlockPricer& pricer() const { return pricer_; }

 private:
  // Micro-batch, sequence parallel, own head weight, the groups that blocks talk to, ZeRO stage and offload
  // where those differ, whether backward passes are split.
  using CostKey = std::tuple<int64_t, bool, bool, GroupPlacement, GroupPlacement, GroupPlacement, int,
                             std::optional<Offload>, bool>;
  const ModelCost& model_cost(const Layout& layout, const GroupPlacements& groups);
  // Pipeline, virtual stages, recompute, recomputed layers, layers by virtual stage.
  using SplitKey = std::tuple<int64_t, int64_t, Recompute, int64_t, std::vector<int64_t>>;
  const ModelSplit& split(const Layout& layout);
  PipelineTimes times(const StepPlan& plan, const Layout& layout) const;
  void add_messages(const StepPlan& plan, const Layout& layout, PipelineTimes& times) const;

  const Scenario& scenario_;
  BlockPricer pricer_;
  std::map<CostKey, ModelCost> costs_;
  std::map<SplitKey, ModelSplit> splits_;
};

}  // namespace paraplan
