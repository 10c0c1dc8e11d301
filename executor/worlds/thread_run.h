#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <mutex>
#include <string>
#include <vector>

#include "executor/worlds/communicator.h"

namespace paraplan {

// What the ranks of one run_threads share to wait for each other and to learn that one of them has failed or
// ended. A rank blocks on its own bell only; whoever changes what it may wait for rings it afterwards.
class ThreadRun {
 public:
  explicit ThreadRun(int ranks);

  int size() const { return static_cast<int>(ranks_.size()); }

  // Blocks `rank` until ready() holds. `ready` reads atomics (sequentially consistent) whose writers then
  // ring this rank's bell. Call it from the rank's own thread.
  template <typename Ready>
  void wait(int rank, const Ready& ready);
  void ring(int rank);

  // The rank has thrown `error`. Only the first failure of a run counts. Wakes every rank.
  void fail(int rank, std::exception_ptr error, const std::string& message);
  // The rank has returned. Wakes every rank.
  void end(int rank);

  bool failed() const { return failed_; }
  bool any_ended(const std::vector<int>& ranks) const;
  // Why a rank that waits for `awaited` cannot go on: the failure of the run, else which of them has ended.
  RankFailed reason(const std::vector<int>& awaited) const;
  // After all threads have been joined: throws the first failure, if any, as run_threads promises.
  void rethrow() const;

 private:
  // Longer than a message between two cores takes, shorter than what a sleeping thread takes to go on twice.
  static constexpr std::chrono::microseconds kSpin{50};

  struct alignas(64) Rank {  // one cache line, so that ringing disturbs nobody else
    std::atomic<uint32_t> bell = 0;
    std::atomic<bool> ended = false;
  };

  template <typename Ready>
  static bool spin(const Ready& ready);
  void ring_all();

  const bool may_spin_;  // there is a core for every rank
  std::vector<Rank> ranks_;
  std::atomic<bool> failed_ = false, some_ended_ = false;
  mutable std::mutex failure_mutex_;
  int failed_rank_ = -1;
  std::string message_;
  std::exception_ptr error_;
};

template <typename Ready>
bool ThreadRun::spin(const Ready& ready) {
  constexpr int kLooksPerClock = 64;
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < kLooksPerClock; ++i) {
      if (ready()) return true;
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

template <typename Ready>
void ThreadRun::wait(int rank, const Ready& ready) {
  if (ready() || (may_spin_ && spin(ready))) return;
  const std::atomic<uint32_t>& bell = ranks_[static_cast<size_t>(rank)].bell;
  for (;;) {
    const uint32_t heard = bell;  // before looking: a ring after the look ends the wait
    if (ready()) return;
    bell.wait(heard);
  }
}

}  // namespace paraplan
