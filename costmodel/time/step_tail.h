#pragma once

#include "costmodel/base/categories.h"
#include "costmodel/model/scenario.h"
#include "costmodel/prices/kernel_cost.h"
#include "costmodel/prices/links.h"

namespace paraplan {

// A stage at the end of its last backward pass.
struct StageState {
  double parameters = 0;  // of one rank, before ZeRO
  double weights = 0;     // weight tensors
  double backward_s = 0;  // last backward pass: what an overlapped reduction hides behind
  double micro_batches = 1;
  double partial_parameters = 0;  // summed over the tensor group at the end (sequence parallel)
};

// Gradient reduction over the data (and context) group: seconds that are not hidden behind the backward pass.
// With ZeRO 2 every micro-batch reduces; with ZeRO 3 the blocks do it themselves and this is 0.
double exposed_reduction_s(const Scenario& scenario, const Links& links, const Layout& layout,
                           const GroupPlacement& data, const StageState& stage);

// All-gather of updated parameters (ZeRO 1 and 2); 0 otherwise.
double parameter_gather_s(const Scenario& scenario, const Links& links, const Layout& layout,
                          const GroupPlacement& data, double parameters);

// All-reduce of the tied word embedding between first and last stage.
double tied_embedding_s(const Scenario& scenario, const Links& links, const Layout& layout);

// Optimizer step of one rank: on the device, or on the host behind the device link.
Breakdown optimizer_step(const Scenario& scenario, const Layout& layout, const KernelCost& kernels,
                         const StageState& stage);

// Its kernels on the device: all of a rank's parameters in one op each.
struct OptimizerOps {
  Op norm, adam;
};
OptimizerOps optimizer_ops(const Scenario& scenario, const Layout& layout, const StageState& stage);

// All-reduce over the tensor group of the gradients of weights that its ranks used on parts of the tokens.
double partial_gradients_s(const Scenario& scenario, const Links& links, const Layout& layout,
                           const GroupPlacement& tensor, const StageState& stage);

}  // namespace paraplan
