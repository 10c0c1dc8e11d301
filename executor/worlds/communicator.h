#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/matrix.h"

namespace paraplan {

enum class Reduction { sum, maximum };

// Another rank failed, so this one cannot go on. what() names the rank and its error.
struct RankFailed : std::runtime_error {
  RankFailed(int failed_rank, const std::string& message) : std::runtime_error(message), rank(failed_rank) {}
  int rank;
};

// The part of n elements that member `rank` of `ranks` owns: equal parts of ceil(n / ranks), the last ones
// shorter or empty.
struct Part {
  int64_t first = 0, count = 0;
};
Part part_of(int64_t n, int64_t rank, int64_t ranks);

// A group of ranks that exchange data. Every member calls the same collectives in the same order; they block
// until this member's part is done. Throws RankFailed when a member (or any rank of the world) has failed.
class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const = 0;  // in the group
  virtual int size() const = 0;

  // In place over n elements.
  virtual void all_reduce(void* data, int64_t n, ElementType type, Reduction reduction) = 0;
  // In place over n elements: member r's part_of(n, r, size) is filled before, everything after.
  virtual void all_gather(void* data, int64_t n, ElementType type) = 0;
  // Sums n elements of `data`; member r receives part_of(n, r, size) in `part`, which may be that part of
  // `data`. The rest of `data` may be overwritten.
  virtual void reduce_scatter(void* data, int64_t n, ElementType type, void* part) = 0;
  virtual void barrier() = 0;
};

// Messages between any two ranks of the world, in order per (sender, receiver, tag).
class Messenger {
 public:
  virtual ~Messenger() = default;
  // Starts sending; `data` must stay untouched until wait_sent(tag, to) returns.
  virtual void send(const void* data, size_t bytes, int to, int tag) = 0;
  // Returns when the last message to (to, tag) has been taken over; at once when there was none.
  virtual void wait_sent(int to, int tag) = 0;
  // Blocks until the message is in `data`. Returns the seconds it waited before the message was on its way
  // (the rest of the call is transfer). Throws std::logic_error when another number of bytes was sent.
  virtual double receive(void* data, size_t bytes, int from, int tag) = 0;
  // For a rank that fails with messages under way, before their data goes away: takes back what nobody has
  // begun to take and waits for what is being taken. RankFailed thrown from here comes after such a call.
  virtual void withdraw() noexcept {}
};

// All ranks of a run, seen by one of them.
class World {
 public:
  virtual ~World() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual std::string transport() const = 0;  // "threads", "mpi", "emulated"
  // The other ranks do not exist: collectives and messages only take the time that they would take.
  virtual bool is_emulated() const { return false; }

  // The group of `members` (ascending world ranks; this rank is one of them). Every member calls this and may
  // be blocked until all have, so ranks that share several groups make them in the same order. Throws
  // std::logic_error for members that are not such.
  virtual std::unique_ptr<Communicator> group(const std::vector<int>& members) = 0;
  virtual Messenger& messenger() = 0;
};

}  // namespace paraplan
