#pragma once

#include <cstdint>

#include "costmodel/ops/op.h"

namespace paraplan {

// Where a rank's piece of a weight lies in the unsharded matrix.
struct WeightPlace {
  int64_t id = 0;  // 64 * block + place in the block's list: the same on every layout
  int64_t global_columns = 0;
  int64_t first_row = 0;
  int64_t tensor = 1, tensor_rank = 0;
  Weight weight;

  // Row-major index in the unsharded matrix of the local element.
  int64_t global_index(int64_t row, int64_t column) const;
};

WeightPlace place_weight(const Weight& weight, int64_t id, int64_t tensor, int64_t tensor_rank);

// Start value of element `index` of the unsharded weight `id`: uniform with standard deviation 0.02 for
// matrices and embeddings (from SplitMix64, Steele et al. 2014), ones and zeros for the rest.
double initial_value(const Weight& weight, int64_t id, int64_t index);

}  // namespace paraplan
