#pragma once

#include <cstdint>

namespace paraplan {

// The counter-based random numbers Philox 4x32-10 (Salmon, Moraes, Dror and Shaw 2011, "Parallel random
// numbers: as easy as 1, 2, 3"): a block of four numbers for every (counter, key), in any order, on any
// device.
struct PhiloxBlock {
  uint32_t word[4];
};
struct PhiloxKey {
  uint32_t word[2];
};

constexpr PhiloxBlock philox_round(const PhiloxBlock& x, const PhiloxKey& key) {
  const uint64_t a = uint64_t{0xD2511F53} * x.word[0], b = uint64_t{0xCD9E8D57} * x.word[2];
  return {{static_cast<uint32_t>(b >> 32) ^ x.word[1] ^ key.word[0], static_cast<uint32_t>(b),
           static_cast<uint32_t>(a >> 32) ^ x.word[3] ^ key.word[1], static_cast<uint32_t>(a)}};
}

// The key of the next round.
constexpr PhiloxKey philox_bump(const PhiloxKey& key) {
  return {{key.word[0] + 0x9E3779B9U, key.word[1] + 0xBB67AE85U}};
}

constexpr int kPhiloxRounds = 10;

constexpr PhiloxBlock philox4x32(PhiloxBlock counter, PhiloxKey key) {
  for (int round = 0; round < kPhiloxRounds; ++round) {
    counter = philox_round(counter, key);
    key = philox_bump(key);
  }
  return counter;
}

}  // namespace paraplan
