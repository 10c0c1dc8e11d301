#include "kernels/cpu/dropout_mask.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/philox.h"

namespace paraplan {
namespace {

// Blocks computed side by side, one in each lane of a vector.
constexpr int64_t kLanes = 32;
constexpr int64_t kNumbers = 4 * kLanes;

uint32_t low_word(uint64_t x) {
  return static_cast<uint32_t>(x);
}

uint32_t high_word(uint64_t x) {
  return static_cast<uint32_t>(x >> 32);
}

struct Lanes {
  uint32_t word[4][kLanes];
};

Lanes counters(const DropoutDraw& draw, uint64_t first_block) {
  Lanes lanes;
  for (int64_t i = 0; i < kLanes; ++i) {
    const uint64_t block = first_block + static_cast<uint64_t>(i);
    lanes.word[0][i] = low_word(block);
    lanes.word[1][i] = high_word(block);
    lanes.word[2][i] = draw.site;
    lanes.word[3][i] = draw.step;
  }
  return lanes;
}

// philox4x32 of every lane; the loop over lanes is innermost, so that the compiler makes vectors of it.
void turn(Lanes& lanes, PhiloxKey key) {
  auto& w = lanes.word;
  for (int round = 0; round < kPhiloxRounds; ++round) {
    for (int64_t i = 0; i < kLanes; ++i) {
      const PhiloxBlock next = philox_round({{w[0][i], w[1][i], w[2][i], w[3][i]}}, key);
      w[0][i] = next.word[0];
      w[1][i] = next.word[1];
      w[2][i] = next.word[2];
      w[3][i] = next.word[3];
    }
    key = philox_bump(key);
  }
}

}  // namespace

void draw_mask_row(const DropoutDraw& draw, int64_t row, int64_t columns, uint8_t* mask) {
  const auto threshold = static_cast<uint64_t>(std::ceil(draw.probability * 4294967296.0));  // 2^32
  const PhiloxKey key{{low_word(draw.seed), high_word(draw.seed)}};
  const int64_t first = draw.rows.global_row(row) * columns, end = first + columns;
  for (int64_t start = first - first % 4; start < end; start += kNumbers) {
    Lanes lanes = counters(draw, static_cast<uint64_t>(start / 4));
    turn(lanes, key);
    uint8_t kept[kNumbers];
    for (int64_t i = 0; i < kLanes; ++i)
      for (int64_t w = 0; w < 4; ++w) kept[4 * i + w] = lanes.word[w][i] >= threshold;
    const int64_t from = std::max(start, first), to = std::min(start + kNumbers, end);
    std::memcpy(mask + (from - first), kept + (from - start), static_cast<size_t>(to - from));
  }
}

}  // namespace paraplan
