#pragma once

#include <functional>
#include <memory>

#include "kernels/cuda/queue.h"

struct CUevent_st;
struct CUgraphExec_st;

namespace paraplan {

// Owners of CUDA's handles on the current device. They move, and throw DeviceError. What still runs when one
// goes out of scope finishes first.

class Stream {
 public:
  Stream();  // independent of the default stream
  QueueHandle handle() const { return handle_.get(); }

 private:
  struct Release {
    void operator()(CUstream_st* handle) const noexcept;
  };
  std::unique_ptr<CUstream_st, Release> handle_;
};

// A point in a queue.
class Event {
 public:
  Event();
  void record(QueueHandle queue);
  // Waits for this event. Both must have been recorded.
  double seconds_since(const Event& earlier) const;

 private:
  struct Release {
    void operator()(CUevent_st* handle) const noexcept;
  };
  std::unique_ptr<CUevent_st, Release> handle_;
};

// Work recorded from a queue, ready to be issued as a whole. Nothing of it runs while it is recorded; memory
// that the work names must outlive this.
class Graph {
 public:
  // `work` queues on `queue` only, neither allocates nor waits.
  Graph(QueueHandle queue, const std::function<void()>& work);
  void launch(QueueHandle queue);

 private:
  struct Release {
    void operator()(CUgraphExec_st* handle) const noexcept;
  };
  std::unique_ptr<CUgraphExec_st, Release> handle_;
};

// Whether work put on the queue is being recorded rather than run.
bool is_recording(QueueHandle queue);

}  // namespace paraplan
