#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace paraplan {

// A block that passes run, or the end of the step. Kinds of layers beyond the first follow `layer`.
enum class BlockName : uint8_t {
  embedding = 0,
  layer = 1,
  head = 254,
  step = 255,  // what follows the last backward pass, and what the stage waits for
};
inline constexpr size_t kMostLayerKinds = 16;
const char* to_string(BlockName);

constexpr BlockName layer_block(size_t kind) {
  return static_cast<BlockName>(static_cast<size_t>(BlockName::layer) + kind);
}
constexpr bool is_layer(BlockName name) {
  return name != BlockName::embedding && name < BlockName::head;
}
// Place in ModelSpec::kinds of a layer's block.
constexpr size_t layer_kind(BlockName name) {
  return static_cast<size_t>(name) - static_cast<size_t>(BlockName::layer);
}

// One value for each block of a model: embedding, kinds of layers, head.
template <class T>
struct ByBlock {
  std::vector<T> values;

  ByBlock() = default;
  explicit ByBlock(size_t layer_kinds) : values(layer_kinds + 2) {}

  T& operator[](BlockName name) { return values[place(name)]; }
  const T& operator[](BlockName name) const { return values[place(name)]; }
  size_t size() const { return values.size(); }
  BlockName name(size_t place) const {
    return place + 1 == values.size() ? BlockName::head : static_cast<BlockName>(place);
  }

 private:
  size_t place(BlockName name) const {
    return name == BlockName::head ? values.size() - 1 : static_cast<size_t>(name);
  }
};

// What a stage does with a micro-batch on one of its virtual stages. A backward pass is, block by block,
// recompute, gradients of data and gradients of weights; a schedule may have the latter in a pass of their
// own.
enum class Pass : uint8_t {
  forward,
  backward,
  data,    // backward, without what only weights' gradients need
  weight,  // the rest of it
};
inline constexpr int kPassKinds = 4;
const char* to_string(Pass);  // "forward", "weight gradients"

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
