#pragma once

#include <utility>

#include "kernels/backend.h"

namespace paraplan {

// Memory of a backend's device. Movable; keeps a pointer to the backend.
class DeviceBuffer {
 public:
  DeviceBuffer(Backend& backend, size_t bytes)
      : backend_(&backend), data_(backend.allocate(bytes)), bytes_(bytes) {}
  DeviceBuffer(DeviceBuffer&& other) noexcept
      : backend_(other.backend_), data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}
  DeviceBuffer& operator=(DeviceBuffer&&) = delete;
  ~DeviceBuffer() {
    if (data_ != nullptr) backend_->release(data_);
  }

  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  Backend* backend_;
  void* data_;
  size_t bytes_;
};

// One block of device memory that is handed out in parts: a device takes long to allocate and to free.
class DeviceArena {
 public:
  DeviceArena(Backend& backend, size_t bytes) : buffer_(backend, bytes) {}

  // What `take` uses up.
  static size_t padded(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }
  void* take(size_t bytes) {
    char* data = static_cast<char*>(buffer_.data()) + taken_;
    taken_ += padded(bytes);
    return data;
  }

 private:
  static constexpr size_t kAlignment = 256;

  DeviceBuffer buffer_;
  size_t taken_ = 0;
};

}  // namespace paraplan
