#pragma once

#include <cstddef>
#include <map>
#include <stdexcept>
#include <vector>

#include "costmodel/prediction.h"
#include "kernels/backend.h"

namespace paraplan {

class MemoryPool;

// Memory from a pool; gives it back when it goes. Movable, empty by default.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { reset(); }

  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  explicit operator bool() const { return data_ != nullptr; }
  void reset();

 private:
  friend class MemoryPool;
  MemoryPool* pool_ = nullptr;
  void* data_ = nullptr;
  size_t bytes_ = 0;
  MemoryCategory category_ = MemoryCategory::temporary;
};

// The device's memory would not hold what was asked for.
struct OutOfMemory : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Accounts for every byte of one rank by category, and keeps freed blocks for the next request of the same
// size, so that a step after the first asks the system for nothing. Not thread-safe: one rank, one pool.
class MemoryPool {
 public:
  // `limit_bytes`: allocated bytes that must not be exceeded; 0: none. Keeps a reference to the backend.
  MemoryPool(Backend& backend, double limit_bytes);
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;
  ~MemoryPool();  // every Buffer must be gone

  // Exactly `bytes` are accounted for; 0 gives an empty Buffer. Not initialised. Throws OutOfMemory with what
  // is held by category.
  Buffer allocate(size_t bytes, MemoryCategory category);

  double allocated_bytes() const { return current_.total(); }
  const MemoryUse& peak() const { return peak_; }  // by category, when the total was largest
  double reserved_bytes() const { return reserved_; }
  void reset_peak();  // the peak becomes the present use

 private:
  friend class Buffer;
  void* new_block(size_t bytes, MemoryCategory category);
  void release(void* data, size_t bytes, MemoryCategory category);

  Backend& backend_;
  double limit_;
  MemoryUse current_, peak_;
  double reserved_ = 0;
  std::map<size_t, std::vector<void*>> free_;
};

}  // namespace paraplan
