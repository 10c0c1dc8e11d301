#pragma once

#include <compare>
#include <cstdint>

namespace paraplan {

// A block that passes run, or the end of the step.
enum class BlockName : uint8_t {
  embedding,
  layer,
  head,
  step,  // what follows the last backward pass, and what the stage waits for
};
inline constexpr int kModelBlocks = 3;  // those before `step`
const char* to_string(BlockName);

// A walk over a list of ops of a block.
enum class Walk : uint8_t {
  forward,
  recompute,  // forward ops again, in the backward pass: all, or those of the attention core
  backward,
  restore,  // of a checkpointed input, before it is recomputed from
  gather,   // of sharded weights, before a walk that reads them
  reduce,   // of a block's gradients, when its backward walk ends
  update,   // the tail of the step
  wait,     // time of a stage outside ops: other stages, the host
};
const char* to_string(Walk);

// Which op of a step: what is predicted and what is measured are joined by it.
struct OpKey {
  BlockName block = BlockName::layer;
  Walk walk = Walk::forward;
  uint16_t index = 0;  // place in the list

  auto operator<=>(const OpKey&) const = default;
};

}  // namespace paraplan
