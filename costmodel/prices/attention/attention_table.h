#pragma once

#include <optional>
#include <vector>

#include "costmodel/ops/op.h"
#include "costmodel/profile/hardware_profile.h"

namespace paraplan {

// Times of one fused attention kernel on one device from measured passes, or from those of the measured
// kernel that is most like it.
//
// A formula (see .cpp) times the ratio of sample to formula around the sizes: the geometric mean over samples
// of the same direction, weighted by distance^-4 in log sequence length, heads and width. Samples with the
// op's mask go first; where there are none those of the other serve.
class AttentionTable {
 public:
  // Keeps a reference to the device.
  AttentionTable(const Device& device, AttentionKernel kernel);

  // Seconds; empty without samples of the direction.
  std::optional<double> seconds(const Op& op) const;

 private:
  struct Point {
    double log_length = 0, log_heads = 0, log_width = 0;
    double log_ratio = 0;  // measured over formula
  };
  struct Family {
    bool backward = false, causal = false;
    std::vector<Point> points = {};
  };
  const Family* family_of(bool backward, bool causal) const;
  double formula(bool backward, bool causal, double queries, double keys, double heads, double width) const;

  const Device& device_;
  std::vector<Family> families_;
};

// Time of flash attention up to a factor. Blocks of queries run over the processors, each through the keys it
// sees: all, or on average half of them, and the last block of a sample all, which is the least that any
// number of processors takes. Prologue and epilogue of a block count as keys. Non-decreasing and continuous
// in every size.
double flash_work(const Device& device, bool causal, double queries, double keys, double batch);

}  // namespace paraplan
