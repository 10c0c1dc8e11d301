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

// How long the end of the step takes one stage.
class TailTime {
 public:
  // `backward_s`: one backward pass of the stage, what a reduction beside it can hide behind. `slowdown`: how
  // much slower it grows by that. Keeps a reference to the tail.
  TailTime(const PricedTail& tail, double backward_s, double slowdown);

  const std::vector<TailOp>& ops() const { return tail_->ops; }
  Price price(size_t op) const;  // exposed seconds of all calls of a step
  double host_gap_s() const { return tail_->host_gap_s; }
  double until_sum_s() const { return until_sum_s_; }  // before the sum over all ranks
  double from_sum_s() const { return from_sum_s_; }    // the sum and what is behind it

 private:
  const PricedTail* tail_;
  double backward_s_, slowdown_;
  double until_sum_s_ = 0, from_sum_s_ = 0;
};

// Prices the ends of steps; remembers them by what they depend on.
class TailPricer {
 public:
  // Keeps references to both.
  TailPricer(const Scenario& scenario, const BlockPricer& pricer) : scenario_(scenario), pricer_(pricer) {}

  // `backward_s`: one backward pass of the stage.
  TailTime time(const Layout& layout, const GroupPlacements& groups, const TailStage& stage,
                double backward_s);

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
