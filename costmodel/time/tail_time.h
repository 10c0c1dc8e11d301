#pragma once

#include <vector>

#include "costmodel/base/categories.h"
#include "costmodel/step/placement.h"
#include "costmodel/step/tail.h"
#include "costmodel/time/block_cost.h"

namespace paraplan {

// How long the end of the step takes one stage.
struct TailTime {
  std::vector<Price> prices;  // by op of `ops`: exposed seconds of all calls of a step
  std::vector<TailOp> ops;
  double host_gap_s = 0;   // the device waits for the launches of the update
  double until_sum_s = 0;  // before the sum over all ranks
  double from_sum_s = 0;   // the sum and what is behind it
};

// What collectives of the tail can hide behind: one pass of each direction over the stage.
struct StagePassSeconds {
  double forward_s = 0, backward_s = 0;
  bool operator==(const StagePassSeconds&) const = default;
};

TailTime tail_time(const Scenario& scenario, const BlockPricer& pricer, const GroupPlacements& groups,
                   std::vector<TailOp> ops, const StagePassSeconds& passes);

// The part of the step's time that a tail's op belongs to.
TimeCategory tail_category(const Op& op);

}  // namespace paraplan
