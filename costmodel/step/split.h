#pragma once

#include <cstdint>
#include <vector>

#include "costmodel/model/layout.h"
#include "costmodel/model/model_spec.h"
#include "costmodel/ops/lifetimes.h"
#include "costmodel/ops/op_key.h"
#include "costmodel/profile/software_profile.h"

namespace paraplan {

// Equal blocks in a row.
struct Segment {
  BlockName block = BlockName::layer;
  Kept kept = Kept::all;
  int64_t repeats = 1;
  bool operator==(const Segment&) const = default;
};

// What one virtual stage holds, in model order.
struct Chunk {
  std::vector<Segment> segments;

  int64_t layers() const;
  bool operator==(const Chunk&) const = default;
};

// The model over the virtual stages of a layout. Virtual stage i = k * pipeline + s is the k-th of pipeline
// stage s and holds the i-th part of the model. Equal neighbours share a chunk, and neighbouring pipeline
// stages whose chunks are the same are of one kind.
struct ModelSplit {
  std::vector<Chunk> chunks;
  std::vector<int32_t> chunk_of;  // by virtual stage: place in `chunks`
  std::vector<int64_t> kinds;     // of pipeline stages: the first stage of each
  std::vector<int32_t> kind_of;   // by pipeline stage: place in `kinds`
  int64_t pipeline = 1;

  const Chunk& at(size_t virtual_stage) const { return chunks[static_cast<size_t>(chunk_of[virtual_stage])]; }
  size_t virtual_stages() const { return chunk_of.size(); }  // of all pipeline stages
  size_t kind(int64_t stage) const { return static_cast<size_t>(kind_of[static_cast<size_t>(stage)]); }
  bool first_of_kind(int64_t stage) const { return kinds[kind(stage)] == stage; }
  // Model state of a rank of a pipeline stage; `blocks`: of one block each.
  StateCount state(int64_t stage, const ByBlock<StateCount>& blocks) const;

  // Calls `visit(virtual stage)` for those of a pipeline stage, in model order.
  template <class Visit>
  void for_stage(int64_t stage, const Visit& visit) const {
    for (auto i = static_cast<size_t>(stage); i < chunk_of.size(); i += static_cast<size_t>(pipeline))
      visit(i);
  }
};

// Layers as layout.stage_layers says, else as the software spreads them over the virtual stages:
//   layers, work  equally many; a remainder goes to the middle stages, which hold neither embedding nor head
//   layers_and_ends  the same, embedding and head counted as a layer each
//   parameters    the split of (embedding, layers, head) whose largest part is smallest, as DeepSpeed's
//                 PipelineModule partitions
// Recomputed are, with Recompute::layers, the first layers of a pipeline stage; of each of its chunks in
// proportion.
ModelSplit split_model(const ModelSpec& model, const Layout& layout, StageBalance balance);

}  // namespace paraplan
