#pragma once

#include <memory>

#include "costmodel/model/layout_rules.h"
#include "costmodel/model/scenario.h"
#include "costmodel/prediction.h"
#include "costmodel/time/op_time.h"
#include "costmodel/time/timeline.h"

namespace paraplan {

// Prices layouts of one scenario. Costs of a layer and of a stage are memoised by what they depend on, so
// pricing many layouts with one CostModel is fast. Not thread-safe: give each thread its own. Keeps a copy of
// the scenario.
class CostModel {
 public:
  explicit CostModel(Scenario scenario);
  ~CostModel();
  CostModel(CostModel&&) noexcept;
  CostModel& operator=(CostModel&&) noexcept;

  // Time and memory of one step. A layout that does not fit in memory is still a Prediction; its `fit` says
  // so.
  PredictionResult predict(const Layout& layout);

  // What a search needs to pass over a layout: its memory and, unless that exceeds the device, a time that
  // predict() never goes below and rarely exceeds by much: every stage busy from its first input to its last
  // output. Several times faster than predict(), because nothing is replayed. Beyond the device all times are
  // 0. Of stages that cannot be the fullest there is no memory.
  PredictionResult bound(const Layout& layout);

  // The same step, event by event. `layout` must pass check_layout.
  Timeline timeline(const Layout& layout);

  // What each op of the step costs each stage: what `predict` sums up. `layout` must pass check_layout.
  std::vector<std::vector<OpTime>> op_times(const Layout& layout);

  const Scenario& scenario() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace paraplan
