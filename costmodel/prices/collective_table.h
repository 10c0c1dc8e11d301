#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "costmodel/prices/byte_curve.h"
#include "costmodel/prices/price.h"
#include "costmodel/profile/hardware_profile.h"

namespace paraplan {

// Bytes that each rank of a ring passes on, per byte of the buffer. Of a message: 1.
double ring_volume(CollectiveSample::Kind kind, double ranks);

// Steps of the ring, one after another. Of a message: 1.
double ring_steps(CollectiveSample::Kind kind, double ranks);

// Times of collectives and messages inside one node from measured ones.
//
// For a number of ranks without samples those of the nearest one (in ratio; of two equally near, the larger)
// are scaled: their time of no bytes by the steps of the ring, the rest by its volume.
class CollectiveTable {
 public:
  // Samples have at least two ranks and positive bytes and seconds.
  explicit CollectiveTable(const std::vector<CollectiveSample>& samples);

  // `ranks` >= 2, `bytes` >= 0: the full buffer. Empty when there is no sample of the kind.
  // Origin: measured for a sample's own size and ranks, else interpolated.
  std::optional<Price> price(CollectiveSample::Kind kind, int64_t ranks, double bytes) const;

 private:
  using Curves = std::map<int64_t, ByteCurve>;  // by ranks
  std::map<CollectiveSample::Kind, Curves> curves_;
};

}  // namespace paraplan
