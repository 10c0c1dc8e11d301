#include "executor/worlds/thread_messenger.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <tuple>

namespace paraplan {

using State = ThreadMailbox::State;

ThreadMailbox& ThreadMail::mailbox(int from, int to, int tag) {
  std::ignore = receivers_.at(static_cast<size_t>(from));
  Receiver& receiver = receivers_.at(static_cast<size_t>(to));
  const std::lock_guard lock(receiver.mutex);
  return receiver.mailboxes[{from, tag}];
}

void ThreadMessenger::send(const void* data, size_t bytes, int to, int tag) {
  auto sent = sent_.find({to, tag});
  if (sent == sent_.end()) sent = sent_.insert({{to, tag}, &mail_.mailbox(rank_, to, tag)}).first;
  ThreadMailbox& box = *sent->second;
  await_free(box, to);
  box.data = data;
  box.bytes = bytes;
  box.posted_at = std::chrono::steady_clock::now();
  box.state = State::posted;
  run_.ring(to);
}

void ThreadMessenger::wait_sent(int to, int tag) {
  const auto box = sent_.find({to, tag});
  if (box != sent_.end()) await_free(*box->second, to);
  if (run_.failed()) leave({to});
}

void ThreadMessenger::await_free(ThreadMailbox& box, int to) {
  const std::vector<int> awaited = {to};
  const auto is_free = [&] { return box.state == State::free; };
  run_.wait(rank_, [&] { return is_free() || run_.failed() || run_.any_ended(awaited); });
  // A receiver may have taken the message and ended since the last look: its end is seen, so is its taking.
  if (run_.failed() || !is_free()) leave(awaited);
}

double ThreadMessenger::receive(void* data, size_t bytes, int from, int tag) {
  if (run_.failed()) leave({from});
  const std::vector<int> awaited = {from};
  ThreadMailbox& box = mail_.mailbox(from, rank_, tag);
  const auto start = std::chrono::steady_clock::now();
  bool taken = false;
  const auto take = [&] {  // a sender that gives up may take the message back at any time
    State expected = State::posted;
    return box.state == expected && box.state.compare_exchange_strong(expected, State::taking);
  };
  run_.wait(rank_, [&] { return (taken = take()) || run_.failed() || run_.any_ended(awaited); });
  // A sender that has ended may have sent since the last look.
  if (!taken && !take()) leave(awaited);

  const double waited_s = std::chrono::duration<double>(box.posted_at - start).count();
  const size_t sent_bytes = box.bytes;
  if (sent_bytes == bytes && bytes > 0) std::memcpy(data, box.data, bytes);
  box.state = State::free;
  run_.ring(from);
  if (sent_bytes != bytes) {
    throw std::logic_error(
        fmt::format("message from rank {} to rank {} with tag {}: {} bytes sent, {} bytes expected", from,
                    rank_, tag, sent_bytes, bytes));
  }
  return std::max(0.0, waited_s);
}

void ThreadMessenger::withdraw() noexcept {
  for (const auto& [key, box] : sent_) {
    State expected = State::posted;
    if (box->state.compare_exchange_strong(expected, State::free)) continue;
    run_.wait(rank_, [&] { return box->state != State::taking; });  // a copy in progress ends by itself
  }
}

void ThreadMessenger::leave(const std::vector<int>& awaited) {
  withdraw();
  throw run_.reason(awaited);
}

}  // namespace paraplan
