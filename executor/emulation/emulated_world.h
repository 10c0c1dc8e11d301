#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "costmodel/model/scenario.h"
#include "costmodel/prices/links.h"
#include "costmodel/step/placement.h"
#include "costmodel/time/step_plan.h"
#include "executor/emulation/peer_stages.h"
#include "executor/worlds/communicator.h"

namespace paraplan {

// A world of which only one rank exists. Its collectives have their buffers and take the seconds that the
// cost model gives them; its messages come when the other stages, priced by the cost model too, would have
// sent them. What others would have contributed is made up: sums are this rank's part alone, gathered parts
// are copies of its own, messages small numbers. So times and memory of the rank are those of the whole run,
// and its losses and gradients mean nothing.
class EmulatedWorld : public World {
 public:
  // `layout` passes check_layout and is run on the CPU. Keeps a reference to the scenario.
  EmulatedWorld(const Scenario& scenario, const Layout& layout, int rank);
  ~EmulatedWorld() override;

  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(layout_.devices()); }
  std::string transport() const override { return "emulated"; }
  bool is_emulated() const override { return true; }
  std::unique_ptr<Communicator> group(const std::vector<int>& members) override;
  Messenger& messenger() override;

 private:
  class Group;
  class Mail;
  struct Clock;

  void begin_step();

  Layout layout_;
  int rank_;
  GroupPlacements placements_;
  Links links_;
  std::unique_ptr<Clock> clock_;
  std::unique_ptr<Mail> mail_;
};

// The first rank of a pipeline stage.
int first_rank(const Layout& layout, int64_t stage);

}  // namespace paraplan
