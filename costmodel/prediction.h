#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "costmodel/layout.h"

namespace paraplan {

// Parts of a step's time, on the stage that paces the step. They sum to the iteration time.
enum class TimeCategory {
  gemm,
  attention,               // scores, softmax, weighted sum (or the fused kernel)
  elementwise,             // norms, activations, dropout, residuals, embedding, loss
  host,                    // device idle because the host issues kernels too slowly
  recompute,               // forward work done again in the backward pass, all kinds
  tensor_communication,    // exposed
  context_communication,   // exposed
  pipeline_communication,  // exposed sends and receives of the pacing stage
  bubble,                  // pipeline idle time
  data_communication,      // exposed gradient reduction (and ZeRO-1/2 parameter all-gather)
  parameter_gather,        // exposed ZeRO-3 gathers
  optimizer,
  offload,  // host-device copies and CPU optimizer
  other,    // per-step and per-micro-batch host work, stragglers
};
inline constexpr int kTimeCategories = 14;

// Parts of the memory of one device. They sum to the peak.
enum class MemoryCategory {
  parameters,
  gradients,
  optimizer_states,
  activations,            // saved for the backward pass
  loss,                   // logits and their fp32 copies
  recompute,              // transient activations of the layer being recomputed
  communication_buffers,  // gathered parameters, pipeline messages, sequence-parallel gathers
  temporary,              // optimizer's temporaries
  framework,              // fixed workspaces, device context, communicators
  fragmentation,          // reserved but not allocated
};
inline constexpr int kMemoryCategories = 10;

// Whether the fullest device, and the host, hold what a step wants.
enum class Fit {
  fits,     // with the allocator's slack and the most wasteful loss, and the scenario's headroom is left
  tight,    // not so; but what no allocator can give back, with the usual loss, is held
  exceeds,  // not even that
};

// Where the price of an op comes from, best first.
enum class PriceOrigin {
  measured,      // a sample of this very shape
  interpolated,  // between samples
  fitted,        // a formula whose constants were fitted to, or derived from, measurements
  datasheet,     // a formula with vendor's or assumed constants
};
inline constexpr int kPriceOrigins = 4;

const char* to_string(PriceOrigin);
const char* to_string(TimeCategory);
const char* to_string(MemoryCategory);

// An array indexed by an enum; the value type of every breakdown.
template <class Category, class T, int N>
struct ByCategory {
  std::array<T, N> values{};
  T& operator[](Category c) { return values[static_cast<int>(c)]; }
  const T& operator[](Category c) const { return values[static_cast<int>(c)]; }
  T total() const {
    T sum{};
    for (const T& v : values) sum += v;
    return sum;
  }
  ByCategory& operator+=(const ByCategory& other) {
    for (int i = 0; i < N; ++i) values[i] += other.values[i];
    return *this;
  }
  ByCategory& operator*=(T factor) {
    for (T& v : values) v *= factor;
    return *this;
  }
  bool operator==(const ByCategory&) const = default;
};

using Breakdown = ByCategory<TimeCategory, double, kTimeCategories>;      // seconds
using PriceOrigins = ByCategory<PriceOrigin, double, kPriceOrigins>;      // seconds
using MemoryUse = ByCategory<MemoryCategory, double, kMemoryCategories>;  // bytes (double: sizes up to 1e24)

// One pipeline stage (all ranks of a stage are alike).
struct StagePrediction {
  int64_t layers = 0;
  double parameters = 0;      // held by one rank before ZeRO sharding
  double forward_s = 0;       // one micro-batch
  double backward_s = 0;      // one micro-batch, recompute included
  int64_t in_flight = 0;      // (micro-batch, chunk) pairs whose activations are alive at the peak
  MemoryUse memory;           // at the peak, at the scenario's memory level
  MemoryUse backward_memory;  // allocated, at the peak of the backward passes
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

// Why a layout cannot run at all. A value, because a search meets thousands.
struct Infeasible {
  std::string rule;    // short, the same for all layouts that break it; counted by the planner
  std::string detail;  // with the numbers
};

using PredictionResult = std::variant<Prediction, Infeasible>;

}  // namespace paraplan
