#pragma once

#include <cstdint>

#include "costmodel/model/model_spec.h"

namespace paraplan {

// Published size of the model: all weights and biases, vocabulary not padded, without the layers that predict
// further tokens. `seq_length` is the number of position embeddings when the model leaves max_positions at 0.
int64_t parameter_count(const ModelSpec& model, int64_t seq_length);

// Those of them that one token passes: of the routed experts the share that it is sent to, all others whole,
// tables of embeddings among them.
int64_t active_parameter_count(const ModelSpec& model, int64_t seq_length);

// Which scores of attention count as work of the model. A causal model masks half of them; a bidirectional
// one none, and both counts agree.
enum class AttentionCount {
  full,      // all, as Megatron-LM counts
  unmasked,  // what a kernel has to compute that skips the masked half
};

// FLOPs of forward and backward of one sample in GEMMs and attention, without recompute: the numerator of
// MFU.
double model_flop_per_sample(const ModelSpec& model, int64_t seq_length, AttentionCount count);

}  // namespace paraplan
