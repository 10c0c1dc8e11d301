#include "executor/worlds/thread_group.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace paraplan {
namespace {

// Elements of a part in work at a time: the sum stays in the first-level cache.
constexpr int64_t kBlock = 1024;

std::string describe(const CollectiveCall& call) {
  constexpr std::array<const char*, 4> kNames = {"all_reduce", "all_gather", "reduce_scatter", "barrier"};
  const char* name = kNames[static_cast<size_t>(call.kind)];
  if (call.kind == CollectiveKind::barrier) return name;
  const char* type = call.type == ElementType::fp64 ? "fp64" : "fp32";
  const char* reduction = call.reduction == Reduction::maximum ? ", maximum" : "";
  return fmt::format("{} of {} {} elements{}", name, call.n, type, reduction);
}

bool agree(const CollectiveCall& a, const CollectiveCall& b) {
  return a.kind == b.kind && a.n == b.n && a.type == b.type && a.reduction == b.reduction;
}

char* at(const CollectiveCall& call, int64_t element) {
  return static_cast<char*>(call.data) + element * size_of(call.type);
}

// sum[i] = reduction over the members, in rank order, of element first + i; count <= kBlock.
template <typename T>
void reduce_block(const std::vector<CollectiveCall>& calls, int64_t first, int64_t count, T* sum) {
  std::copy_n(static_cast<const T*>(calls[0].data) + first, count, sum);
  for (size_t member = 1; member < calls.size(); ++member) {
    const T* other = static_cast<const T*>(calls[member].data) + first;
    if (calls[0].reduction == Reduction::sum) {
      for (int64_t i = 0; i < count; ++i) sum[i] += other[i];
    } else {
      for (int64_t i = 0; i < count; ++i) sum[i] = std::max(sum[i], other[i]);
    }
  }
}

// Hands each block of the part to store(first element, elements, values) when it is reduced.
template <typename T, typename Store>
void reduce_part(const std::vector<CollectiveCall>& calls, const Part& part, const Store& store) {
  std::array<T, kBlock> sum;
  for (int64_t done = 0; done < part.count; done += kBlock) {
    const int64_t count = std::min(kBlock, part.count - done);
    reduce_block(calls, part.first + done, count, sum.data());
    store(part.first + done, count, sum.data());
  }
}

template <typename Store>
void reduce_part(const std::vector<CollectiveCall>& calls, const Part& part, const Store& store) {
  if (calls[0].type == ElementType::fp64) {
    reduce_part<double>(calls, part, store);
  } else {
    reduce_part<float>(calls, part, store);
  }
}

}  // namespace

uint64_t MeetingPoint::arrive() {
  uint64_t seen = state_;
  do {
    if ((seen & kBroken) != 0) return 0;
  } while (!state_.compare_exchange_weak(seen, seen + 1));
  return seen + 1;
}

bool MeetingPoint::reached_or_stop(uint64_t arrivals) {
  uint64_t seen = state_;
  do {
    if ((seen & ~kBroken) >= arrivals) return true;
  } while (!state_.compare_exchange_weak(seen, seen | kBroken));
  return false;
}

ThreadGroup::ThreadGroup(std::vector<int> ranks) : members(std::move(ranks)) {
  for (auto& shown : calls) shown.resize(members.size());
}

std::shared_ptr<ThreadGroup> ThreadGroups::find(const std::vector<int>& members, int number) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<ThreadGroup>& group = groups_[{members, number}];
  if (group == nullptr) group = std::make_shared<ThreadGroup>(members);
  return group;
}

ThreadCommunicator::ThreadCommunicator(int rank, std::shared_ptr<ThreadGroup> group, ThreadRun& run,
                                       ThreadMessenger& messenger)
    : rank_(rank), group_(std::move(group)), run_(run), messenger_(messenger) {}

uint64_t ThreadCommunicator::arrive() {
  const uint64_t all = ++meetings_ * static_cast<uint64_t>(size());
  const uint64_t arrivals = group_->meeting.arrive();
  if (arrivals == 0) return 0;
  if (arrivals == all) {
    for (int member = 0; member < size(); ++member) {
      if (member != rank_) run_.ring(world_rank(member));
    }
  }
  return all;
}

const std::vector<CollectiveCall>& ThreadCommunicator::begin(const CollectiveCall& call) {
  if (run_.failed()) messenger_.leave(group_->members);
  std::vector<CollectiveCall>& calls = group_->calls[calls_++ % 2];
  calls[static_cast<size_t>(rank_)] = call;
  const uint64_t all = arrive();
  if (all == 0) messenger_.leave(group_->members);
  run_.wait(world_rank(rank_),
            [&] { return group_->meeting.reached(all) || run_.failed() || run_.any_ended(group_->members); });
  if (!group_->meeting.reached_or_stop(all)) messenger_.leave(group_->members);

  // All members look at the same calls, so all of them throw or none does.
  for (int member = 1; member < size(); ++member) {
    const CollectiveCall &first = calls[0], &other = calls[static_cast<size_t>(member)];
    if (agree(first, other)) continue;
    throw std::logic_error(fmt::format("members of a group disagree: rank {} calls {}, rank {} calls {}",
                                       world_rank(0), describe(first), world_rank(member), describe(other)));
  }
  return calls;
}

void ThreadCommunicator::finish() {
  // No look at failures: the others are in this member's data until they arrive, and nothing can hold them
  // up.
  const uint64_t all = arrive();
  run_.wait(world_rank(rank_), [&] { return group_->meeting.reached(all); });
}

void ThreadCommunicator::all_reduce(void* data, int64_t n, ElementType type, Reduction reduction) {
  const auto& calls = begin({CollectiveKind::all_reduce, data, n, type, reduction});
  if (size() == 1) return;
  reduce_part(calls, part_of(n, rank_, size()), [&](int64_t first, int64_t count, const void* values) {
    const auto bytes = static_cast<size_t>(count * size_of(type));
    for (const CollectiveCall& call : calls) std::memcpy(at(call, first), values, bytes);
  });
  finish();
}

void ThreadCommunicator::all_gather(void* data, int64_t n, ElementType type) {
  const auto& calls = begin({CollectiveKind::all_gather, data, n, type});
  for (int member = 0; member < size(); ++member) {
    const Part part = part_of(n, member, size());
    if (member == rank_ || part.count == 0) continue;
    const CollectiveCall& other = calls[static_cast<size_t>(member)];
    std::memcpy(static_cast<char*>(data) + part.first * size_of(type), at(other, part.first),
                static_cast<size_t>(part.count * size_of(type)));
  }
  finish();
}

void ThreadCommunicator::reduce_scatter(void* data, int64_t n, ElementType type, void* part) {
  const auto& calls = begin({CollectiveKind::reduce_scatter, data, n, type});
  const Part own = part_of(n, rank_, size());
  reduce_part(calls, own, [&](int64_t first, int64_t count, const void* values) {
    std::memcpy(static_cast<char*>(part) + (first - own.first) * size_of(type), values,
                static_cast<size_t>(count * size_of(type)));
  });
  finish();
}

void ThreadCommunicator::barrier() {
  begin({});
}

}  // namespace paraplan
