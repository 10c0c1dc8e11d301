#include "executor/run/interrupt.h"

#include <atomic>
#include <cstdint>
#include <ctime>

namespace paraplan {
namespace {

constexpr int64_t kSameRequestNs = 500'000'000;

// A signal handler reaches nothing but what is static. Time of the first signal; 0: none has come.
std::atomic<int64_t> first_signal_ns = 0;
static_assert(std::atomic<int64_t>::is_always_lock_free, "a signal handler must not lock");

int64_t monotonic_ns() {
  std::timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// Calls only what POSIX lists as safe in a handler.
void note_signal(int signal_number) {
  const int64_t now = monotonic_ns();
  int64_t none = 0;
  if (first_signal_ns.compare_exchange_strong(none, now) || now - none < kSameRequestNs) return;
  std::signal(signal_number, SIG_DFL);
  std::raise(signal_number);  // is delivered when this handler returns
}

}  // namespace

InterruptWatch::InterruptWatch() {
  first_signal_ns = 0;
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &former_interrupt_);
  sigaction(SIGTERM, &action, &former_terminate_);
}

InterruptWatch::~InterruptWatch() {
  sigaction(SIGINT, &former_interrupt_, nullptr);
  sigaction(SIGTERM, &former_terminate_, nullptr);
}

bool InterruptWatch::interrupted() const {
  return first_signal_ns != 0;
}

}  // namespace paraplan
