#include "executor/memory/memory_pool.h"

#include <fmt/format.h>

#include <cassert>
#include <new>
#include <string>
#include <utility>

namespace paraplan {
namespace {

std::string held_by_category(const MemoryUse& use) {
  std::string text = fmt::format("{:.0f} bytes are held", use.total());
  const char* separator = ": ";
  for (int i = 0; i < kMemoryCategories; ++i) {
    const auto category = static_cast<MemoryCategory>(i);
    if (use[category] == 0) continue;
    text += fmt::format("{}{} {:.0f}", separator, to_string(category), use[category]);
    separator = ", ";
  }
  return text;
}

std::string shortage(size_t bytes, MemoryCategory category, const std::string& reason, const MemoryUse& use) {
  return fmt::format("out of memory: {} bytes for {} {}; {}", bytes, to_string(category), reason,
                     held_by_category(use));
}

// Gives every free block back to the device; returns their bytes.
double release_all(Backend& backend, std::map<size_t, std::vector<void*>>& free_blocks) {
  double released = 0;
  for (const auto& [bytes, blocks] : free_blocks) {
    for (void* data : blocks) backend.release(data);
    released += static_cast<double>(bytes) * static_cast<double>(blocks.size());
  }
  free_blocks.clear();
  return released;
}

// Null when the device has not as much left.
void* try_allocate(Backend& backend, size_t bytes) {
  try {
    return backend.allocate(bytes);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

}  // namespace

Buffer::Buffer(Buffer&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)),
      data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      category_(other.category_) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this == &other) return *this;
  reset();
  pool_ = std::exchange(other.pool_, nullptr);
  data_ = std::exchange(other.data_, nullptr);
  bytes_ = std::exchange(other.bytes_, 0);
  category_ = other.category_;
  return *this;
}

void Buffer::reset() {
  if (data_ == nullptr) return;
  pool_->release(data_, bytes_, category_);
  pool_ = nullptr;
  data_ = nullptr;
  bytes_ = 0;
}

MemoryPool::MemoryPool(Backend& backend, double limit_bytes) : backend_(backend), limit_(limit_bytes) {}

MemoryPool::~MemoryPool() {
  assert(current_.total() == 0 && "a buffer outlives its pool");
  release_all(backend_, free_);
}

Buffer MemoryPool::allocate(size_t bytes, MemoryCategory category) {
  Buffer buffer;
  if (bytes == 0) return buffer;
  const auto size = static_cast<double>(bytes);
  if (limit_ > 0 && current_.total() + size > limit_) {
    throw OutOfMemory(shortage(bytes, category,
                               fmt::format("do not fit into the limit of {:.0f} bytes", limit_), current_));
  }
  std::vector<void*>& same_size = free_[bytes];
  if (!same_size.empty()) {
    buffer.data_ = same_size.back();
    same_size.pop_back();
  } else {
    buffer.data_ = new_block(bytes, category);
  }
  buffer.pool_ = this;
  buffer.bytes_ = bytes;
  buffer.category_ = category;
  current_[category] += size;
  if (current_.total() > peak_.total()) peak_ = current_;
  return buffer;
}

// Free blocks of other sizes go back to the device before the request is refused.
void* MemoryPool::new_block(size_t bytes, MemoryCategory category) {
  void* data = try_allocate(backend_, bytes);
  if (data == nullptr) {
    reserved_ -= release_all(backend_, free_);
    data = try_allocate(backend_, bytes);
  }
  if (data == nullptr) {
    throw OutOfMemory(shortage(bytes, category, "are more than the device has left", current_));
  }
  reserved_ += static_cast<double>(bytes);
  return data;
}

void MemoryPool::reset_peak() {
  peak_ = current_;
}

void MemoryPool::release(void* data, size_t bytes, MemoryCategory category) {
  current_[category] -= static_cast<double>(bytes);
  free_[bytes].push_back(data);
}

}  // namespace paraplan
