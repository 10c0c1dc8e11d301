#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "kernels/cuda/device.cuh"

namespace paraplan {

// Division by a number that is known before the launch, as a product and a shift (Granlund and Montgomery
// 1994, figure 4.1): a few instructions, where a GPU's division takes dozens. Exact for every 32-bit
// dividend.
class Divider {
 public:
  // Dividends, and sizes counted with them, stay below this. A larger divisor gives 0, as it should.
  static constexpr int64_t kLimit = int64_t{1} << 31;

  Divider() = default;
  explicit Divider(int64_t divisor)
      : divisor_(static_cast<uint32_t>(std::min(divisor, kLimit))),
        shift_(static_cast<uint32_t>(std::bit_width(divisor_ - 1))) {
    multiplier_ = static_cast<uint32_t>((((uint64_t{1} << shift_) - divisor_) << 32) / divisor_ + 1);
  }

  __device__ __forceinline__ uint32_t quotient(uint32_t dividend) const {
    const uint64_t high = (static_cast<uint64_t>(dividend) * multiplier_) >> 32;
    return static_cast<uint32_t>((high + dividend) >> shift_);
  }
  __device__ __forceinline__ uint32_t remainder(uint32_t dividend, uint32_t quotient) const {
    return dividend - quotient * divisor_;
  }
  __device__ __forceinline__ uint32_t divisor() const { return divisor_; }

 private:
  uint32_t divisor_ = 1, shift_ = 0, multiplier_ = 1;
};

}  // namespace paraplan
