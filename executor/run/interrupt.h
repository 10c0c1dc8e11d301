#pragma once

#include <csignal>

namespace paraplan {

// While it lives, SIGINT and SIGTERM are noted instead of ending the process. A second one later than half a
// second after the first ends it at once; a launcher and a terminal may both pass on the same request. One at
// a time.
class InterruptWatch {
 public:
  InterruptWatch();
  ~InterruptWatch();  // the former handlers are back
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;

  // Whether a signal has come. Any thread may ask.
  bool interrupted() const;

 private:
  struct sigaction former_interrupt_ {};
  struct sigaction former_terminate_ {};
};

}  // namespace paraplan
