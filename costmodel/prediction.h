#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "costmodel/base/categories.h"
#include "costmodel/model/layout.h"
#include "costmodel/model/layout_rules.h"

namespace paraplan {

// Whether the fullest device, and the host, hold what a step wants.
enum class Fit {
  fits,     // with the allocator's slack and the most wasteful loss, and the scenario's headroom is left
  tight,    // not so; but what no allocator can give back, with the usual loss, is held
  exceeds,  // not even that
};

// One pipeline stage (all ranks of a stage are alike).
struct StagePrediction {
  int64_t layers = 0;
  double parameters = 0;  // held by one rank before ZeRO sharding
  double forward_s = 0;   // one micro-batch
  double backward_s = 0;  // one micro-batch, recompute included
  int64_t in_flight = 0;  // (micro-batch, chunk) pairs whose activations are alive at the peak
  MemoryUse memory;       // at the peak, at the scenario's memory level
};

struct Prediction {
  Layout layout;
  Fit fit = Fit::exceeds;
  double iteration_time_s = 0;
  double samples_per_s = 0;
  double tokens_per_s_per_device = 0;
  double mfu = 0;  // model FLOPs (no recompute; attention in full, masked or not) over peak FLOPs
  double mfu_causal =
      0;            // the same without the half of attention that a causal model masks; for others as mfu
  double cost = 0;  // price of one step; 0 when no price is given
  double peak_memory_bytes = 0;    // fullest device, at the scenario's memory level
  double device_memory_bytes = 0;  // wanted on the fullest device, at device level; may exceed what there is
  double least_device_memory_bytes = 0;  // without what the allocator can give back, with the usual loss
  double available_memory_bytes = 0;
  double host_memory_bytes = 0;  // per node
  int64_t micro_batches = 0;     // per step
  Breakdown breakdown;
  PriceOrigins price_origins;  // device time of the passes of the pacing stage, by where its prices come from
  MemoryUse memory;            // of the fullest stage; sums to peak_memory_bytes
  std::vector<StagePrediction> stages;
};

using PredictionResult = std::variant<Prediction, Infeasible>;

}  // namespace paraplan
