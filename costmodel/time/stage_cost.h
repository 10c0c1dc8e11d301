#pragma once

#include "costmodel/memory/block_memory.h"
#include "costmodel/step/split.h"
#include "costmodel/time/block_cost.h"

namespace paraplan {

// Price of the blocks a model is made of, in one layout.
struct ModelCost {
  ByBlock<BlockCost> blocks;
  ByBlock<StateCount> states;
  ByBlock<BlockMemory> memory;
  double stream_bytes = 0;  // of what goes from block to block, of one micro-batch

  const BlockCost& of(BlockName name) const { return blocks[name]; }
};

// Time of one micro-batch on one virtual stage.
struct StagePasses {
  PassCost forward, backward;
  PassCost weight;  // of a schedule that splits backward passes: what `backward` leaves out then
};

// Forward and backward pass of one micro-batch over `chunk`, with recompute, gathers and reductions.
// `split`: the schedule has weight passes.
StagePasses stage_passes(const ModelCost& model, const Chunk& chunk, bool split);

}  // namespace paraplan
