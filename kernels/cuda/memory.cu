#include <cuda_runtime_api.h>

#include "kernels/cuda/check.h"
#include "kernels/cuda/memory.h"

namespace paraplan {

void* allocate_device(size_t bytes) {
  void* data = nullptr;
  if (bytes > 0) check_cuda(cudaMalloc(&data, bytes), "allocating device memory");
  return data;
}

void release_device(void* data) noexcept {
  cudaFree(data);  // an error of earlier work is reported by whoever waits for that work
}

void copy_to_device(const void* host, size_t bytes, void* device, QueueHandle queue) {
  check_cuda(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, queue), "copy to the device");
  synchronize_queue(queue);
}

void copy_to_host(const void* device, size_t bytes, void* host, QueueHandle queue) {
  check_cuda(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, queue), "copy to the host");
  synchronize_queue(queue);
}

void synchronize_queue(QueueHandle queue) {
  check_cuda(cudaStreamSynchronize(queue), "waiting for the device");
}

int64_t count_processors() {
  int device = 0, count = 0;
  check_cuda(cudaGetDevice(&device), "finding the device");
  check_cuda(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device), "reading the device");
  return count;
}

}  // namespace paraplan
