#pragma once

#include <cstdint>
#include <vector>

#include "costmodel/model/layout.h"
#include "costmodel/model/scenario.h"
#include "costmodel/ops/op.h"

namespace paraplan {

// A pipeline stage, as far as the end of the step depends on it.
struct TailStage {
  StateCount state;                // of one rank
  bool first = true, last = true;  // of the pipeline
  bool operator==(const TailStage&) const = default;
};

// An op of the end of the step.
struct TailOp {
  Op op;
  double pieces = 1;             // equal parts of the op's bytes, one after the other: buckets
  bool beside_backward = false;  // each piece may run beside what is left of the backward pass
  bool beside_forward = false;   // or beside the forward pass of the next step
  int64_t calls = 1;             // per step
};

// What a rank of a pipeline stage does when its backward passes are over, in order: gradients to their sums,
// their norm, loss and norm of all ranks, the update, updated weights back to those who need them. Two points
// hold all ranks together: the sum over all, and the end.
std::vector<TailOp> tail_ops(const Scenario& scenario, const Layout& layout, const TailStage& stage);

// Parameters that a rank of the stage updates.
double updated_parameters(const Scenario& scenario, const Layout& layout, const TailStage& stage);

}  // namespace paraplan
