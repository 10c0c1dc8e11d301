#include "kernels/cuda/memory.h"

#include <cstring>
#include <new>

namespace paraplan {
namespace {

constexpr std::align_val_t kAlignment{256};  // cudaMalloc's

}  // namespace

void* allocate_device(size_t bytes) {
  return ::operator new(bytes, kAlignment);
}

void release_device(void* data) noexcept {
  ::operator delete(data, kAlignment);
}

void copy_to_device(const void* host, size_t bytes, void* device, QueueHandle) {
  if (bytes > 0) std::memcpy(device, host, bytes);
}

void copy_to_host(const void* device, size_t bytes, void* host, QueueHandle) {
  if (bytes > 0) std::memcpy(host, device, bytes);
}

void synchronize_queue(QueueHandle) {}

// Few, so that small tests have more work than blocks.
int64_t count_processors() {
  return 3;
}

}  // namespace paraplan
