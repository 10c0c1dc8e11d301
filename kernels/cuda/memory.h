#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "kernels/cuda/queue.h"

namespace paraplan {

// Memory of the current device. Throws std::bad_alloc; DeviceError where the device has failed.
void* allocate_device(size_t bytes);
void release_device(void* data) noexcept;
// Return when the copy is done. Behind the work of `queue`.
void copy_to_device(const void* host, size_t bytes, void* device, QueueHandle queue);
void copy_to_host(const void* device, size_t bytes, void* host, QueueHandle queue);
void synchronize_queue(QueueHandle queue);
int64_t count_processors();  // streaming multiprocessors

// A piece of device memory.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  explicit DeviceMemory(size_t bytes) : data_(allocate_device(bytes)), bytes_(bytes) {}
  ~DeviceMemory() { release_device(data_); }
  DeviceMemory(DeviceMemory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  DeviceMemory& operator=(DeviceMemory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace paraplan
