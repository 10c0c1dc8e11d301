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
  const ModelCost* model = nullptr;  // owned by the planner
  ModelSplit split;
  std::vector<StagePasses> passes;  // by chunk
  PipelineTimes times;
  int64_t micro_batches = 1;

  const StagePasses& passes_of(size_t virtual_stage) const {
    return passes[static_cast<size_t>(split.chunk_of[virtual_stage])];
  }
};

// Compiles layouts of one scenario to step plans; remembers the price of blocks by what they depend on.
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
  PipelineTimes times(const StepPlan& plan, const Layout& layout) const;
  void add_messages(const StepPlan& plan, const Layout& layout, PipelineTimes& times) const;

  const Scenario& scenario_;
  BlockPricer pricer_;
  std::map<CostKey, ModelCost> costs_;
};

}  // namespace paraplan
