#pragma once

#include <array>

#include "costmodel/step/split.h"
#include "costmodel/time/block_cost.h"

namespace paraplan {

// Price of the blocks a model is made of, in one layout.
struct ModelCost {
  std::array<BlockCost, kModelBlocks> blocks;  // by BlockName
  double stream_bytes = 0;                     // of what goes from block to block, of one micro-batch
  double logits_elements = 0;

  const BlockCost& of(BlockName name) const { return blocks[static_cast<size_t>(name)]; }
  std::array<StateCount, kModelBlocks> states() const;  // by BlockName
};

// Time of one micro-batch on one virtual stage.
struct StagePasses {
  PassCost forward, backward;
};

// Forward and backward pass of one micro-batch over `chunk`, with recompute, gathers and reductions.
StagePasses stage_passes(const ModelCost& model, const Chunk& chunk);

}  // namespace paraplan
