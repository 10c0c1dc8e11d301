// CUDA's runtime without a device, as far as streams, events, graphs and copies on the device go. A call that
// CUDA refuses by the state of its handles is refused with CUDA's error.
#include <cuda_runtime_api.h>

#include <cstring>
#include <utility>
#include <vector>

#include "kernels/cuda/emulation/queue.h"

struct CUgraph_st {
  std::vector<std::function<void()>> work;
};
struct CUgraphExec_st {
  std::vector<std::function<void()>> work;
};
struct CUstream_st {
  bool recording = false;
  std::vector<std::function<void()>> recorded;
};
struct CUevent_st {
  enum class State { fresh, recorded, captured } state = State::fresh;
  double seconds = 0;
};

namespace paraplan::emulation {
namespace {

double device_seconds = 0;

bool is_captured(cudaEvent_t event) {
  return event->state == CUevent_st::State::captured;
}

}  // namespace

// The default stream, null, cannot be recorded.
void issue(QueueHandle queue, std::function<void()> work) {
  if (queue != nullptr && queue->recording)
    queue->recorded.push_back(std::move(work));
  else
    work();
}

void take_time(double seconds) {
  device_seconds += seconds;
}

}  // namespace paraplan::emulation

using namespace paraplan::emulation;

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new CUstream_st;
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  if (stream == nullptr) return cudaErrorStreamCaptureUnsupported;
  if (stream->recording) return cudaErrorIllegalState;
  stream->recording = true;
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  if (stream == nullptr || !stream->recording) return cudaErrorIllegalState;
  stream->recording = false;
  *graph = new CUgraph_st{std::exchange(stream->recorded, {})};
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  *status =
      stream != nullptr && stream->recording ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* ready, cudaGraph_t graph, unsigned long long) {
  *ready = new CUgraphExec_st{graph->work};
  return cudaSuccess;
}

cudaError_t cudaGraphUpload(cudaGraphExec_t, cudaStream_t stream) {
  return stream != nullptr && stream->recording ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t ready, cudaStream_t stream) {
  for (const auto& work : ready->work) issue(stream, work);
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t ready) {
  delete ready;
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  *event = new CUevent_st;
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const bool captured = stream != nullptr && stream->recording;
  event->state = captured ? CUevent_st::State::captured : CUevent_st::State::recorded;
  event->seconds = device_seconds;
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return is_captured(event) ? cudaErrorCapturedEvent : cudaSuccess;
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  if (is_captured(start) || is_captured(end)) return cudaErrorCapturedEvent;
  constexpr auto kFresh = CUevent_st::State::fresh;
  if (start->state == kFresh || end->state == kFresh) return cudaErrorInvalidResourceHandle;
  *milliseconds = static_cast<float>((end->seconds - start->seconds) * 1e3);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  if (kind != cudaMemcpyDeviceToDevice) return cudaErrorInvalidMemcpyDirection;
  if (bytes > 0 && (to == nullptr || from == nullptr)) return cudaErrorInvalidValue;
  if (bytes > 0) issue(stream, [=] { std::memcpy(to, from, bytes); });
  return cudaSuccess;
}

cudaError_t cudaGetLastError() {
  return cudaSuccess;  // calls leave no error behind
}

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaErrorStreamCaptureUnsupported:
      return "cudaErrorStreamCaptureUnsupported";
    case cudaErrorIllegalState:
      return "cudaErrorIllegalState";
    case cudaErrorCapturedEvent:
      return "cudaErrorCapturedEvent";
    case cudaErrorInvalidResourceHandle:
      return "cudaErrorInvalidResourceHandle";
    case cudaErrorInvalidMemcpyDirection:
      return "cudaErrorInvalidMemcpyDirection";
    default:
      return "cudaErrorInvalidValue";
  }
}

const char* cudaGetErrorString(cudaError_t) {
  return "refused by the emulated runtime";
}
