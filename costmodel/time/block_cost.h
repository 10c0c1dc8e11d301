#pragma once

#include <array>
#include <functional>
#include <vector>

#include "costmodel/model/scenario.h"
#include "costmodel/ops/blocks.h"
#include "costmodel/ops/lifetimes.h"
#include "costmodel/prices/kernel_cost.h"
#include "costmodel/prices/links.h"
#include "costmodel/step/sharded_state.h"
#include "costmodel/time/pass_cost.h"

namespace paraplan {

// Price and memory of one block in one layout; all a stage needs of it.
struct BlockCost {
  PassCost forward;                       // with gathers
  std::array<PassCost, kKepts> backward;  // by Kept: with recompute, gathers and reductions
  PassCost weight;  // of a schedule that splits backward passes: what `backward` leaves out then
  bool reads_weights_forward = false, reads_weights_backward = false;  // else ZeRO-3 gathers nothing
};

// Which ops of a list run.
struct OpSelection {
  std::vector<bool> runs = {};  // by op; empty: all
  // The list is walked in two passes: collectives find no product to run beside.
  bool in_two_passes = false;
};
OpSelection attention_core(const std::vector<Op>& ops);

// Prices the ops of blocks: kernels on the device, collectives on the links, launches on the host.
class BlockPricer {
 public:
  explicit BlockPricer(const Scenario& scenario);

  // `split`: the schedule has weight passes.
  BlockCost price(const Block& block, const ShardedState& state, const GroupPlacements& groups,
                  bool split) const;

  // Calls `visit(index, seconds of device or links)` for each op of a list that runs, in order.
  void price_ops(const std::vector<Op>& ops, const GroupPlacements& groups, const OpSelection& selection,
                 const std::function<void(size_t, const Price&)>& visit) const;

  const KernelCost& kernels() const { return kernels_; }
  const Links& links() const { return links_; }

 private:
  Price op_price(const Op& op, const GroupPlacements& groups, double gemm_s) const;
  double collective_seconds(const Op& op, const GroupPlacements& groups, double gemm_s) const;
  double host_seconds(const Op& op) const;
  PassCost sum(const std::vector<Op>& ops, const GroupPlacements& groups,
               const OpSelection& selection = {}) const;
  PassCost backward(const Block& block, const GroupPlacements& groups, bool split, PassCost& weight) const;
  std::vector<Op> joined(const std::vector<Op>& collectives) const;
  PassCost beside(PassCost collectives, const PassCost& compute) const;
  PassCost queue(double host_s, const Price& device, TimeCategory category) const;

  const Scenario& scenario_;
  KernelCost kernels_;
  Links links_;
  LaunchTimes launch_;
};

}  // namespace paraplan
