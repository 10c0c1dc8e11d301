#pragma once

#include <cstdint>

#include "costmodel/model/model_spec.h"
#include "costmodel/model/scenario.h"
#include "costmodel/ops/op.h"
#include "costmodel/ops/op_key.h"
#include "costmodel/profile/hardware_profile.h"
#include "costmodel/profile/software_profile.h"

namespace paraplan {

// What the shapes of a block depend on.
struct BlockShape {
  int64_t micro_batch = 1;  // B
  int64_t seq_length = 1;   // global
  int64_t tensor = 1;       // m
  int64_t context = 1;
  bool sequence_parallel = false;
  Precision precision = Precision::fp16;

  int64_t tokens() const { return micro_batch * (seq_length / context); }  // rows of the GEMMs
  bool operator==(const BlockShape&) const = default;
};

// One transformer layer.
Block transformer_layer(const ModelSpec& model, const LayerKind& kind, const Fusion& fusion,
                        const BlockShape& shape);

// Word, position and segment embeddings, and their dropout: the start of the first stage.
Block embedding_block(const ModelSpec& model, const Fusion& fusion, const BlockShape& shape);

// Final norm, output projection and loss (and BERT's heads): the end of the last stage. `owns_tied_weight`: a
// separate copy of the tied word embedding lives here (pipeline > 1).
Block head_block(const ModelSpec& model, const Fusion& fusion, const BlockShape& shape,
                 bool owns_tied_weight);

// Columns of the sentence head's working tensor in front of the gradient of the pooled tokens: two logits,
// then maximum, sum and target of their cross entropy.
inline constexpr int64_t kSentenceColumns = 8;

// The blocks of a scenario's model, as a rank of a layout runs them.
using ModelBlocks = ByBlock<Block>;
// How many blocks of a kind the model has.
int64_t block_count(const ModelSpec& model, BlockName name);
BlockShape block_shape(const Scenario& scenario, const Layout& layout);
ModelBlocks model_blocks(const Scenario& scenario, const Layout& layout);
ModelBlocks model_blocks(const ModelSpec& model, const Fusion& fusion, const BlockShape& shape,
                         bool owns_tied_weight);

}  // namespace paraplan
