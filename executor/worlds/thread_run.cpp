#include "executor/worlds/thread_run.h"

#include <fmt/core.h>

#include <algorithm>
#include <thread>

#include "costmodel/base/input_error.h"

namespace paraplan {

ThreadRun::ThreadRun(int ranks)
    : may_spin_(static_cast<unsigned>(ranks) <= std::thread::hardware_concurrency()),
      ranks_(static_cast<size_t>(ranks)) {}

void ThreadRun::ring(int rank) {
  std::atomic<uint32_t>& bell = ranks_[static_cast<size_t>(rank)].bell;
  ++bell;
  bell.notify_one();
}

void ThreadRun::ring_all() {
  for (int rank = 0; rank < size(); ++rank) ring(rank);
}

void ThreadRun::fail(int rank, std::exception_ptr error, const std::string& message) {
  {
    const std::lock_guard lock(failure_mutex_);
    if (failed_) return;
    failed_rank_ = rank;
    message_ = message;
    error_ = std::move(error);
    failed_ = true;
  }
  ring_all();
}

void ThreadRun::end(int rank) {
  ranks_[static_cast<size_t>(rank)].ended = true;
  some_ended_ = true;
  ring_all();
}

bool ThreadRun::any_ended(const std::vector<int>& ranks) const {
  if (!some_ended_) return false;
  return std::any_of(ranks.begin(), ranks.end(),
                     [&](int rank) { return ranks_[static_cast<size_t>(rank)].ended.load(); });
}

RankFailed ThreadRun::reason(const std::vector<int>& awaited) const {
  const std::lock_guard lock(failure_mutex_);
  if (failed_) return {failed_rank_, fmt::format("rank {} has failed: {}", failed_rank_, message_)};
  const auto gone = std::find_if(awaited.begin(), awaited.end(),
                                 [&](int rank) { return ranks_[static_cast<size_t>(rank)].ended.load(); });
  const int rank = gone == awaited.end() ? -1 : *gone;
  return {rank, fmt::format("rank {} has ended while others wait for it", rank)};
}

void ThreadRun::rethrow() const {
  if (!failed_) return;
  try {
    std::rethrow_exception(error_);
  } catch (const InputError&) {
    throw;
  } catch (...) {
    throw std::runtime_error(fmt::format("rank {}: {}", failed_rank_, message_));
  }
}

}  // namespace paraplan
