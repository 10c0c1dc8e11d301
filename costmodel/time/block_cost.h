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
  bool reads_weights_forward = false, reads_weights_backward = false;  // else ZeRO-3 gathers nothing
};

// Prices the ops of blocks: kernels on the device, collectives on the links, launches on the host.
class BlockPricer {
 public:
  explicit BlockPricer(const Scenario& scenario);

  BlockCost price(const Block& block, const ShardedState& state, const GroupPlacements& groups) const;

  // Calls `visit(index, seconds of device or links)` for each op of a list in its order; with `core_only` for
  // those of the attention core.
  void price_ops(const std::vector<Op>& ops, const GroupPlacements& groups, bool core_only,
                 const std::function<void(size_t, const Price&)>& visit) const;

  const KernelCost& kernels() const { return kernels_; }
  const Links& links() const { return links_; }

 private:
  Price op_price(const Op& op, const GroupPlacements& groups, double gemm_s) const;
  double collective_seconds(const Op& op, const GroupPlacements& groups, double gemm_s) const;
  double host_seconds(const Op& op) const;
  PassCost sum(const std::vector<Op>& ops, const GroupPlacements& groups, bool core_only = false) const;
  std::vector<Op> joined(const std::vector<Op>& collectives) const;
  PassCost beside(PassCost collectives, const PassCost& compute) const;
  PassCost queue(double host_s, const Price& device, TimeCategory category) const;

  const Scenario& scenario_;
  KernelCost kernels_;
  Links links_;
  LaunchTimes launch_;
};

}  // namespace paraplan
