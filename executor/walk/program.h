#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "costmodel/model/scenario.h"
#include "costmodel/ops/blocks.h"
#include "costmodel/ops/lifetimes.h"
#include "costmodel/step/sharded_state.h"
#include "costmodel/step/split.h"
#include "costmodel/step/tail.h"
#include "kernels/matrix.h"

namespace paraplan {

// One block with its walks under one choice of what is kept.
struct BlockProgram {
  Block block;
  ShardedState sharded;
  Kept kept = Kept::all;
  std::vector<TensorId> saved;               // kept between forward and backward
  std::vector<TensorId> recomputed;          // brought back by the recompute walk
  std::array<Lifetimes, kPassKinds> passes;  // by Pass
  Lifetimes recompute;

  const Lifetimes& of(Pass pass) const { return passes[static_cast<size_t>(pass)]; }
};

// A block of the model at its place.
struct BlockPlace {
  BlockName name = BlockName::layer;
  Kept kept = Kept::all;
  int64_t index = 0;  // in the model: 0 embedding, 1 + layer, 1 + layers for the head
};

// The element type that a precision computes in.
ElementType element_type_of(Precision precision);

// That of a tensor's elements, which are no indices.
ElementType element_type_of(DataType type);

// What of a legal layout the executor does not do; empty: nothing.
std::optional<std::string> executor_obstacle(const Scenario& scenario, const Layout& layout);

// The model of a scenario compiled for a layout: the op lists that the cost model prices, and which blocks
// each virtual stage holds.
class Program {
 public:
  // `layout` must pass check_layout. Throws InputError where the software profile describes kernels that the
  // executor does not have, `device` does not compute in the scenario's precision, or the layout splits what
  // the executor cannot.
  Program(const Scenario& scenario, const Layout& layout, const std::string& device = "cpu");

  const BlockProgram& of(const BlockPlace& place) const { return programs_.at({place.name, place.kept}); }
  // Virtual stages in model order.
  const std::vector<std::vector<BlockPlace>>& parts() const { return parts_; }
  const BlockShape& shape() const { return shape_; }
  const ModelSpec& model() const { return model_; }
  const Layout& layout() const { return layout_; }
  ElementType element_type() const;
  int64_t micro_batches() const { return micro_batches_; }
  int64_t global_batch() const { return global_batch_; }
  // Rows of an activation between two blocks.
  int64_t stream_rows() const;
  // The end of the step on a pipeline stage.
  const std::vector<TailOp>& tail(int64_t stage) const { return tails_[static_cast<size_t>(stage)]; }

 private:
  void check_schedule(const Scenario& scenario) const;
  void compile(const Scenario& scenario, const ModelBlocks& blocks, BlockName name, Kept kept);
  void place_blocks(const ModelSplit& split);

  ModelSpec model_;
  Layout layout_;
  BlockShape shape_;
  int64_t global_batch_, micro_batches_;
  std::map<std::pair<BlockName, Kept>, BlockProgram> programs_;
  std::vector<std::vector<BlockPlace>> parts_;
  std::vector<std::vector<TailOp>> tails_;  // by pipeline stage
};

}  // namespace paraplan
