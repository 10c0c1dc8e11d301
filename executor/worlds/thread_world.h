#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "executor/worlds/communicator.h"
#include "executor/worlds/thread_group.h"
#include "executor/worlds/thread_messenger.h"
#include "executor/worlds/thread_run.h"

namespace paraplan {

// What the ranks of one run share.
struct ThreadRunState {
  explicit ThreadRunState(int ranks) : run(ranks), mail(ranks) {}

  ThreadRun run;
  ThreadMail mail;
  ThreadGroups groups;
};

// A world whose ranks are threads of this process, seen by one of them. Its groups must not outlive it.
class ThreadWorld : public World {
 public:
  ThreadWorld(int rank, ThreadRunState& state);

  int rank() const override { return rank_; }
  int size() const override { return state_.run.size(); }
  std::string transport() const override { return "threads"; }
  // Does not block. Throws std::logic_error when `members` are not ascending ranks with this one among them.
  std::unique_ptr<Communicator> group(const std::vector<int>& members) override;
  Messenger& messenger() override { return messenger_; }

 private:
  const int rank_;
  ThreadRunState& state_;
  ThreadMessenger messenger_;
  std::map<std::vector<int>, int> groups_made_;  // by members
};

}  // namespace paraplan
