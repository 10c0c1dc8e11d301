#pragma once

#include <array>
#include <map>
#include <tuple>
#include <vector>

#include "costmodel/base/categories.h"
#include "costmodel/step/placement.h"
#include "costmodel/step/tail.h"
#include "costmodel/time/block_cost.h"

namespace paraplan {

// The end of a step: its ops and their prices, with nothing beside them.
struct PricedTail {
  std::vector<TailOp> ops;
  std::vector<Price> pieces;  // by op: one piece of one call
  double host_gap_s = 0;      // the device waits for the launches of the update
};

// What collectives of the tail can hide behind: one pass of each direction over the stage.
struct StagePassSeconds {
  double forward_s = 0, backward_s = 0;
  bool operator==(const StagePassSeconds&) const = default;
};

// How long the end of the step takes one stage.
class TailTime {
 public:
  // `slowdown`: how much slower the passes grow by what hides behind them. Keeps a reference to the tail.
  TailTime(const PricedTail& tail, const StagePassSeconds& passes, double slowdown);

  const std::vector<TailOp>& ops() const { return tail_->ops; }
  Price price(size_t op) const;  // exposed seconds of all calls of a step
  double host_gap_s() const { return tail_->host_gap_s; }
  double until_sum_s() const { return until_sum_s_; }  // before the sum over all ranks
  double from_sum_s() const { return from_sum_s_; }    // the sum and what is behind it

 private:
  const PricedTail* tail_;
  StagePassSeconds passes_;
  double slowdown_;
  double until_sum_s_ = 0, from_sum_s_ = 0;
};

// Prices the ends of steps; remembers them by what they depend on.
class TailPricer {
 public:
  // Keeps references to both.
  TailPricer(const Scenario& scenario, const BlockPricer& pricer) : scenario_(scenario), pricer_(pricer) {}

  TailTime time(const Layout& layout, const GroupPlacements& groups, const TailStage& stage,
                const StagePassSeconds& passes);

 private:
  // What is held: parameters, weights, partial parameters, first, last. The ranks: data, tensor, pipeline,
  // context, placement. ZeRO stage, offload; the micro-batch where each is reduced.
  using Key = std::tuple<double, double, double, bool, bool, int64_t, int64_t, int64_t, int64_t,
                         std::array<Axis, 4>, int, Offload, int64_t>;
  static Key key_of(const Layout& layout, const TailStage& stage);
  PricedTail priced(const GroupPlacements& groups, std::vector<TailOp> ops) const;

  const Scenario& scenario_;
  const BlockPricer& pricer_;
  std::map<Key, PricedTail> known_;
};

// The part of the step's time that a tail's op belongs to.
TimeCategory tail_category(const Op& op);

}  // namespace paraplan
