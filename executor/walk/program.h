#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "costmodel/model/scenario.h"
#include "costmodel/ops/blocks.h"
#include "costmodel/ops/lifetimes.h"
#include "costmodel/step/stage_plan.h"
#include "kernels/matrix.h"

namespace paraplan {

enum class BlockKind { embedding, layer, head };
inline constexpr int kBlockKinds = 3;
const char* to_string(BlockKind);

// One block with its walks under one choice of what is kept.
struct BlockProgram {
  Block block;
  Kept kept = Kept::all;
  std::vector<TensorId> saved;       // kept between forward and backward
  std::vector<TensorId> recomputed;  // brought back by the recompute walk
  std::array<Lifetimes, 3> walks;    // by Walk

  const Lifetimes& walk(Walk w) const { return walks[static_cast<size_t>(w)]; }
};

// A block of the model at its place.
struct BlockPlace {
  BlockKind kind = BlockKind::layer;
  int64_t index = 0;    // in the model: 0 embedding, 1 + layer, 1 + layers for the head
  bool redone = false;  // a layer whose forward pass is run again, whole
};

// The element type that a precision computes in.
ElementType element_type_of(Precision precision);

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

  const BlockProgram& of(const BlockPlace& place) const;
  // Virtual stages in model order.
  const std::vector<std::vector<BlockPlace>>& parts() const { return parts_; }
  const BlockShape& shape() const { return shape_; }
  const ModelSpec& model() const { return model_; }
  const Layout& layout() const { return layout_; }
  ElementType element_type() const;
  int64_t micro_batches() const { return micro_batches_; }
  int64_t global_batch() const { return global_batch_; }
  // Elements of an activation between two blocks.
  int64_t stream_rows() const;

 private:
  void place_blocks(const Scenario& scenario);

  ModelSpec model_;
  Layout layout_;
  BlockShape shape_;
  int64_t global_batch_, micro_batches_;
  BlockProgram embedding_, head_, layer_, redone_layer_;
  std::vector<std::vector<BlockPlace>> parts_;
};

}  // namespace paraplan
