#pragma once

#include "costmodel/step/stage_plan.h"
#include "costmodel/time/block_cost.h"

namespace paraplan {

// Price of the three blocks a model is made of, in one layout.
struct ModelCost {
  BlockCost layer, embedding, head;
  PassCost layer_checkpoint, core_checkpoint;  // of recomputing a layer, an attention core, beside the ops
  double logits_elements = 0;
};

// Time of one micro-batch on one virtual stage.
struct StagePasses {
  PassCost forward, backward;
};

// Layers of a (virtual) stage whose forward pass is redone from their input.
int64_t recomputed_layers(const Layout& layout, int64_t stage_layers);

// Forward and backward pass of one micro-batch over `content`: layers and ends, recompute, ZeRO-3 gathers.
StagePasses stage_passes(const ModelCost& model, const StageContent& content, const Layout& layout);

// Parameters of one rank of the stage before ZeRO sharding, and number of weight tensors.
double stage_parameters(const ModelCost& model, const StageContent& content);
double stage_weights(const ModelCost& model, const StageContent& content);
double stage_partial_parameters(const ModelCost& model, const StageContent& content);

}  // namespace paraplan
