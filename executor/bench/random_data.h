#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "executor/bench/device/device_buffer.h"
#include "kernels/backend.h"

namespace paraplan {

// What a benchmark's operand holds.
enum class Content {
  zeros,     // sums that are added to
  values,    // -1 to 1
  positive,  // 0.5 to 1.5: statistics, sums of exponentials
  shares,    // the same times 2^-12: probabilities over thousands of keys
  mask,      // a byte per element, 0 or 1
};

// `count` numbers of `content` in `type`, as bytes; the same for the same arguments.
std::vector<char> random_elements(Content content, ElementType type, size_t count);

// Nearest number of 16 bits, of two the even one; what is too small for a normal one becomes zero.
uint16_t to_bf16(float value);
uint16_t to_fp16(float value);  // below 65504

// Fills device memory with random numbers: a block of each kind comes from the host once, and is repeated by
// copies on the device. Keeps a reference.
class RandomData {
 public:
  static constexpr size_t kBlockElements = size_t{1} << 20;

  explicit RandomData(Backend& backend) : backend_(backend) {}
  // `bytes`: whole elements.
  void fill(Content content, ElementType type, void* data, size_t bytes);

 private:
  const DeviceBuffer& block(Content content, ElementType type);
  void copy(void* from, void* to, size_t bytes);

  Backend& backend_;
  std::map<std::pair<Content, ElementType>, DeviceBuffer> blocks_;
};

}  // namespace paraplan
