#pragma once

#include <vector>

#include "costmodel/model/layout.h"
#include "costmodel/model/scenario.h"
#include "costmodel/ops/op.h"

namespace paraplan {

// What a rank that holds a share of the model state, or of a checkpoint, does around the walks of one block.
// Lists are empty where the layout shards nothing.
struct ShardedState {
  std::vector<Op>
      gather;  // before a walk that reads weights: those of the block, one after the other (ZeRO-3)
  std::vector<Op> reduce;  // when the backward walk ends: gradients to their owners, weight by weight
  std::vector<Op>
      restore;  // before a recompute from the block's input: collects one split over the tensor group
};

ShardedState sharded_state(const Scenario& scenario, const Layout& layout, const Block& block);

}  // namespace paraplan
