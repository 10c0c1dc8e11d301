#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "executor/worlds/communicator.h"
#include "executor/worlds/thread_messenger.h"
#include "executor/worlds/thread_run.h"

namespace paraplan {

enum class CollectiveKind { all_reduce, all_gather, reduce_scatter, barrier };

// One member's part in a collective call, as it shows it to the other members.
struct CollectiveCall {
  CollectiveKind kind = CollectiveKind::barrier;
  void* data = nullptr;
  int64_t n = 0;
  ElementType type = ElementType::fp32;
  Reduction reduction = Reduction::sum;
};

// Where the members of a group meet. Arrivals are counted over all meetings; the count stops for good when a
// member leaves early, so either all members of a meeting get through or none does.
class MeetingPoint {
 public:
  // Counts one more; returns the count, or 0 after a member has left early.
  uint64_t arrive();
  bool reached(uint64_t arrivals) const { return (state_ & ~kBroken) >= arrivals; }
  // Stops the count unless it has reached `arrivals`. Returns whether it has.
  bool reached_or_stop(uint64_t arrivals);

 private:
  static constexpr uint64_t kBroken = uint64_t{1} << 63;

  alignas(64) std::atomic<uint64_t> state_ = 0;
};

// What the communicators of one group share.
struct ThreadGroup {
  explicit ThreadGroup(std::vector<int> ranks);

  const std::vector<int> members;  // world ranks
  MeetingPoint meeting;
  // By member, for even and odd calls: a member that has gone on to the next call may show it while another
  // still looks at this one, and it cannot get any further.
  std::array<std::vector<CollectiveCall>, 2> calls;
};

// The groups of a run. Any rank may call it at any time.
class ThreadGroups {
 public:
  // The group number `number` of those with these members.
  std::shared_ptr<ThreadGroup> find(const std::vector<int>& members, int number);

 private:
  std::mutex mutex_;
  std::map<std::pair<std::vector<int>, int>, std::shared_ptr<ThreadGroup>> groups_;
};

// Collectives on shared memory. Every member reduces its own part over all members in rank order, so the
// result depends on the data alone and is the same, bit by bit, on all of them.
class ThreadCommunicator : public Communicator {
 public:
  // `rank`: in the group.
  ThreadCommunicator(int rank, std::shared_ptr<ThreadGroup> group, ThreadRun& run,
                     ThreadMessenger& messenger);

  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(group_->members.size()); }
  void all_reduce(void* data, int64_t n, ElementType type, Reduction reduction) override;
  void all_gather(void* data, int64_t n, ElementType type) override;
  void reduce_scatter(void* data, int64_t n, ElementType type, void* part) override;
  void barrier() override;

 private:
  // Shows this member's call and returns those of all members, once all are here and agree. From then until
  // `finish`, members read and write each other's data.
  const std::vector<CollectiveCall>& begin(const CollectiveCall& call);
  void finish();
  // Arrives at the next meeting. Returns the count that means that all have, or 0 when it cannot happen.
  uint64_t arrive();
  int world_rank(int member) const { return group_->members[static_cast<size_t>(member)]; }

  const int rank_;
  const std::shared_ptr<ThreadGroup> group_;
  ThreadRun& run_;
  ThreadMessenger& messenger_;
  uint64_t calls_ = 0, meetings_ = 0;
};

}  // namespace paraplan
