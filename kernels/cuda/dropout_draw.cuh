#pragma once

#include <cmath>
#include <cstdint>
#include <stdexcept>

#include "kernels/cuda/divider.cuh"
#include "kernels/matrix.h"
#include "kernels/philox.h"

namespace paraplan {

// A DropoutDraw for a (rows, columns) matrix as kernels see it. Made on the host; rows + first_row of the row
// map at most 2^31, else std::invalid_argument.
class DropoutNumbers {
 public:
  DropoutNumbers(const DropoutDraw& draw, int64_t rows, int64_t columns)
      : tokens_(draw.rows.tokens), groups_(draw.rows.groups), columns_(static_cast<uint64_t>(columns)) {
    const RowMap& map = draw.rows;
    if (rows + map.first_row > Divider::kLimit)
      throw std::invalid_argument("cuda: dropout of more than 2^31 rows");
    first_row_ = static_cast<uint32_t>(map.first_row);
    group_rows_ = static_cast<uint64_t>(map.all_tokens);
    sample_rows_ = static_cast<uint64_t>(map.all_groups * map.all_tokens);
    origin_ = static_cast<uint64_t>((map.first_sample * map.all_groups + map.first_group) * map.all_tokens +
                                    map.first_token);
    key_ = {{static_cast<uint32_t>(draw.seed), static_cast<uint32_t>(draw.seed >> 32)}};
    site_ = draw.site, step_ = draw.step;
    enabled_ = draw.probability > 0;
    if (enabled_) last_dropped_ = static_cast<uint32_t>(std::ceil(draw.probability * kTwo32) - 1);
    scale_ = static_cast<float>(1 / (1 - draw.probability));
  }

  // False: probability 0. All is kept, and there is nothing to draw: keeps() and kept() do not hold.
  __device__ __forceinline__ bool enabled() const { return enabled_; }
  __device__ __forceinline__ float scale() const { return scale_; }  // of what is kept: 1 / (1 - probability)

  // Index i of the number of column 0 of local row `row`; column c has number i + c.
  __device__ __forceinline__ uint64_t first_number(int64_t row) const { return global_row(row) * columns_; }
  // Numbers 4 index to 4 index + 3.
  __device__ __forceinline__ PhiloxBlock block(uint64_t index) const {
    return philox4x32({{static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), site_, step_}},
                      key_);
  }
  __device__ __forceinline__ bool keeps(uint32_t number) const { return number > last_dropped_; }
  // Bit k: keeps number 4 index + k.
  __device__ __forceinline__ uint32_t kept(uint64_t index) const {
    const PhiloxBlock numbers = block(index);
    uint32_t bits = 0;
#pragma unroll
    for (uint32_t k = 0; k < 4; ++k) bits |= keeps(numbers.word[k]) ? 1u << k : 0u;
    return bits;
  }
  // Bit k: keeps number i + k, i from first_number; two blocks where i % 4 != 0.
  __device__ __forceinline__ uint32_t kept_from(uint64_t i) const {
    const uint32_t phase = static_cast<uint32_t>(i) % 4;
    uint32_t bits = kept(i / 4) >> phase;
    if (phase != 0) bits |= kept(i / 4 + 1) << (4 - phase);
    return bits & 0xf;
  }

 private:
  static constexpr double kTwo32 = 4294967296.0;

  // RowMap::global_row
  __device__ __forceinline__ uint64_t global_row(int64_t row) const {
    const uint32_t s = static_cast<uint32_t>(row) + first_row_;
    const uint32_t group_index = tokens_.quotient(s), sample = groups_.quotient(group_index);
    const uint32_t token = tokens_.remainder(s, group_index), group = groups_.remainder(group_index, sample);
    return origin_ + sample * sample_rows_ + group * group_rows_ + token;
  }

  Divider tokens_, groups_;
  uint64_t columns_, group_rows_, sample_rows_, origin_;
  PhiloxKey key_;
  uint32_t first_row_, site_, step_, last_dropped_ = 0;
  float scale_;
  bool enabled_;
};

}  // namespace paraplan
