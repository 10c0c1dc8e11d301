#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "costmodel/base/categories.h"
#include "costmodel/model/scenario.h"
#include "costmodel/ops/op.h"
#include "costmodel/ops/op_key.h"

namespace paraplan {

// Memory that a framework takes beside the tensors of the op list: born right before one op of a walk, dead
// right after another.
struct ExtraTensor {
  Walk walk = Walk::forward;   // one that runs forward ops: also where they run again
  size_t first = 0, last = 0;  // ops
  MemoryCategory category = MemoryCategory::temporary;
  double bytes = 0;
};

// Of one block. `most`: of the trainers that the profile stands for, in the most wasteful one.
std::vector<ExtraTensor> extra_tensors(const Scenario& scenario, const Block& block, bool most = false);

// Bytes of a block's attention scores, where one op after the other makes them; 0: none.
double score_bytes(const Block& block);

// Shapes of the matrices whose gradients products make: (rows, columns), each once, ordered.
using MatrixShape = std::pair<int64_t, int64_t>;
using MatrixShapes = std::vector<MatrixShape>;
MatrixShapes gradient_shapes(const Block& block);

}  // namespace paraplan
