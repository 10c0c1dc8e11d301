#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "costmodel/model/model_spec.h"
#include "executor/data/batch.h"

namespace paraplan {

// The output function of SplitMix64 (Steele, Lea and Flood 2014): numbers without state.
uint64_t splitmix64(uint64_t x);

// Number `i` of the stream that `seed` names.
inline uint64_t draw(uint64_t seed, uint64_t i) {
  return splitmix64(splitmix64(seed) + i);
}

// Inputs are text[0 .. T - 1], targets text[1 .. T].
Sample next_token_sample(std::span<const int64_t> text);

// BERT's masking of `text`: targets_per_sample positions, drawn without replacement from the stream `seed`,
// become targets; see synthetic_text for what replaces them.
Sample masked_sample(std::vector<int64_t> text, int64_t sentence, int64_t vocab, uint64_t seed);

}  // namespace paraplan
