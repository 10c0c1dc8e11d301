#pragma once

#include <array>
#include <vector>

#include "costmodel/model/scenario.h"
#include "costmodel/ops/blocks.h"
#include "costmodel/ops/lifetimes.h"
#include "costmodel/prices/kernel_cost.h"
#include "costmodel/prices/links.h"
#include "costmodel/time/pass_cost.h"

namespace paraplan {

// Groups of one layout, as the collectives of its blocks see them.
struct GroupPlacements {
  GroupPlacement tensor, context, data;
  bool operator==(const GroupPlacements&) const = default;
};

// Largest sums of a block's working tensors, beside what is kept, in bytes (lifetimes.h).
struct WorkingSet {
  double forward = 0;
  double recompute = 0;     // while the forward pass is redone
  double redone_bytes = 0;  // brought back by it, until the backward pass ends
  double backward = 0;
};

// Price and memory of one block in one layout; all a stage needs of it.
struct BlockCost {
  PassCost forward;
  PassCost backward;        // without recompute and gathers
  PassCost attention_core;  // its forward ops alone: selective recompute
  PassCost gather;          // ZeRO-3: all weights, one direction
  PassCost reduce;          // ZeRO-3: gradients of one micro-batch to their owners
  double parameters = 0;    // on this rank, before ZeRO
  double weights = 0;       // number of weight tensors
  double saved_bytes = 0, attention_core_bytes = 0, input_bytes = 0, transient_bytes = 0;
  std::array<WorkingSet, 3> working;                                   // by Kept
  bool reads_weights_forward = false, reads_weights_backward = false;  // else ZeRO-3 gathers nothing
  double all_parameters = 0;      // with tied weights that another block owns
  double partial_parameters = 0;  // whose gradients are summed over the tensor group (Weight)
};

// Prices the ops of blocks: kernels on the device, collectives on the links, launches on the host.
class BlockPricer {
 public:
  explicit BlockPricer(const Scenario& scenario);

  BlockCost price(const Block& block, const GroupPlacements& groups, const Layout& layout) const;

  // One op on its own: seconds of device or links. `gemm_s`: device time of the GEMM a collective may hide
  // behind.
  Price op_price(const Op& op, const GroupPlacements& groups, double gemm_s) const;

  // Collectives of the model state of a block, by weight: ZeRO-3's gathers, reductions by block.
  std::vector<Op> gathers(const Block& block) const;
  std::vector<Op> reductions(const Block& block) const;

  // What one recomputed region costs beside its ops: the host's bookkeeping and, where its saved input is
  // split over the tensor group, the collection of these bytes (0: not split).
  PassCost checkpoint(const GroupPlacements& groups, double split_input_bytes) const;

  const KernelCost& kernels() const { return kernels_; }
  const Links& links() const { return links_; }

 private:
  // `launch_s`: host time of a kernel on this machine. `gemm_s`: device time of the GEMM a collective may
  // hide behind.
  PassCost price(const Op& op, const GroupPlacements& groups, double launch_s, double gemm_s) const;
  double collective_seconds(const Op& op, const GroupPlacements& groups, double gemm_s) const;
  PassCost sum(const std::vector<Op>& ops, const GroupPlacements& groups, double launch_s,
               bool core_only) const;
  PassCost gather(const Block& block, const GroupPlacements& groups, const Layout& layout) const;
  PassCost reduce(const Block& block, const GroupPlacements& groups) const;
  PassCost queue(double host_s, const Price& device, TimeCategory category) const;

  const Scenario& scenario_;
  KernelCost kernels_;
  Links links_;
  LaunchTimes launch_;
};

}  // namespace paraplan
