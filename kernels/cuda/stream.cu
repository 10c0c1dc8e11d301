#include <cuda_runtime_api.h>

#include "kernels/cuda/check.h"
#include "kernels/cuda/stream.h"

namespace paraplan {
namespace {

struct ReleaseRecorded {
  void operator()(CUgraph_st* handle) const noexcept { cudaGraphDestroy(handle); }
};
using Recorded = std::unique_ptr<CUgraph_st, ReleaseRecorded>;

Recorded end_recording(QueueHandle queue) {
  cudaGraph_t handle = nullptr;
  check_cuda(cudaStreamEndCapture(queue, &handle), "recording a graph");
  return Recorded(handle);
}

// Only this thread's calls must be fit for recording: other threads may allocate meanwhile.
Recorded record_work(QueueHandle queue, const std::function<void()>& work) {
  check_cuda(cudaStreamBeginCapture(queue, cudaStreamCaptureModeThreadLocal), "recording a graph");
  try {
    work();
  } catch (...) {
    cudaGraph_t unfinished = nullptr;
    cudaStreamEndCapture(queue, &unfinished);  // the queue runs again; the first error is the one to tell
    if (unfinished != nullptr) cudaGraphDestroy(unfinished);
    cudaGetLastError();
    throw;
  }
  return end_recording(queue);
}

}  // namespace

Stream::Stream() {
  cudaStream_t handle = nullptr;
  check_cuda(cudaStreamCreateWithFlags(&handle, cudaStreamNonBlocking), "creating a stream");
  handle_.reset(handle);
}

void Stream::Release::operator()(CUstream_st* handle) const noexcept {
  cudaStreamDestroy(handle);
}

Event::Event() {
  cudaEvent_t handle = nullptr;
  check_cuda(cudaEventCreate(&handle), "creating an event");
  handle_.reset(handle);
}

void Event::Release::operator()(CUevent_st* handle) const noexcept {
  cudaEventDestroy(handle);
}

void Event::record(QueueHandle queue) {
  check_cuda(cudaEventRecord(handle_.get(), queue), "recording an event");
}

double Event::seconds_since(const Event& earlier) const {
  check_cuda(cudaEventSynchronize(handle_.get()), "waiting for the device");
  float milliseconds = 0;
  check_cuda(cudaEventElapsedTime(&milliseconds, earlier.handle_.get(), handle_.get()), "timing the device");
  return static_cast<double>(milliseconds) * 1e-3;
}

Graph::Graph(QueueHandle queue, const std::function<void()>& work) {
  const Recorded recorded = record_work(queue, work);
  cudaGraphExec_t handle = nullptr;
  check_cuda(cudaGraphInstantiate(&handle, recorded.get(), 0), "making a graph ready");
  handle_.reset(handle);
  check_cuda(cudaGraphUpload(handle, queue), "making a graph ready");  // else the first launch does it
}

void Graph::Release::operator()(CUgraphExec_st* handle) const noexcept {
  cudaGraphExecDestroy(handle);
}

void Graph::launch(QueueHandle queue) {
  check_cuda(cudaGraphLaunch(handle_.get(), queue), "launching a graph");
}

bool is_recording(QueueHandle queue) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check_cuda(cudaStreamIsCapturing(queue, &status), "looking at the queue");
  return status != cudaStreamCaptureStatusNone;
}

}  // namespace paraplan
