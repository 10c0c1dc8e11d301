#pragma once

#include <array>

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
  temporary,              // tensors that ops work on and nothing keeps; the optimizer's temporaries
  framework,              // fixed workspaces, device context, communicators
  fragmentation,          // reserved but not allocated
};
inline constexpr int kMemoryCategories = 10;

// Where the price of an op comes from: from samples, or from a formula, and then from its constants. Of
// several the last one holds, so a vendor's peak with a measured efficiency is `fitted`, with a guessed one
// `assumed`.
enum class PriceOrigin {
  measured,      // a sample of this very shape
  interpolated,  // between samples
  datasheet,     // vendor's figures alone
  fitted,        // constants measured, derived from measurements, or fitted to them
  tuned,         // a constant chosen by hand to suit measured training steps
  assumed,       // a guess
};
inline constexpr int kPriceOrigins = 6;

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

}  // namespace paraplan
