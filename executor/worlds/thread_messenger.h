#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "executor/worlds/communicator.h"
#include "executor/worlds/thread_run.h"

namespace paraplan {

// Room for one message from one rank to another under one tag. The other fields belong to the sender while
// it is free and to the receiver while it is being taken.
struct ThreadMailbox {
  enum class State { free, posted, taking };

  std::atomic<State> state = State::free;
  const void* data = nullptr;
  size_t bytes = 0;
  std::chrono::steady_clock::time_point posted_at;
};

// The mailboxes of all ranks of a run. Any rank may call it at any time; a mailbox stays where it is.
class ThreadMail {
 public:
  explicit ThreadMail(int ranks) : receivers_(static_cast<size_t>(ranks)) {}

  // Throws std::out_of_range for a rank that is not in the run.
  ThreadMailbox& mailbox(int from, int to, int tag);

 private:
  struct Receiver {
    std::mutex mutex;
    std::map<std::pair<int, int>, ThreadMailbox> mailboxes;  // by sender and tag
  };

  std::vector<Receiver> receivers_;
};

// Messages between threads: the receiver copies straight from the sender's memory.
class ThreadMessenger : public Messenger {
 public:
  ThreadMessenger(int rank, ThreadRun& run, ThreadMail& mail) : rank_(rank), run_(run), mail_(mail) {}

  void send(const void* data, size_t bytes, int to, int tag) override;
  void wait_sent(int to, int tag) override;
  double receive(void* data, size_t bytes, int from, int tag) override;
  void withdraw() noexcept override;

  // Withdraws this rank's messages, then throws why a rank that waits for `awaited` cannot go on.
  [[noreturn]] void leave(const std::vector<int>& awaited);

 private:
  void await_free(ThreadMailbox& box, int to);

  const int rank_;
  ThreadRun& run_;
  ThreadMail& mail_;
  std::map<std::pair<int, int>, ThreadMailbox*> sent_;  // by receiver and tag
};

}  // namespace paraplan
