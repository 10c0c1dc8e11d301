#include "costmodel/prices/kernel_cost.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace paraplan {
namespace {

// A smaller tile reads its operands more often per FLOP: rate relative to the next larger one. Between the
// rates of 256x128, 128x128 and 128x64 tiles in NVIDIA's matrix multiplication background guide.
constexpr double kHalfTileRate = 0.88;
constexpr int kTileHalvings = 3;
constexpr double kMaxSplits = 16;       // of the reduction, by powers of two, as cuBLAS's split-k
constexpr double kManyProducts = 1024;  // of a batch, so that its last wave does not matter
constexpr int64_t kTensorCoreBytes =
    16;  // rows of operands begin at multiples of this, or tensor cores cannot read them

std::vector<GemmSample> samples_of(const Device& device, Precision precision, double clock_hz) {
  std::vector<GemmSample> chosen;
  for (const GemmSample& s : device.gemm_samples) {
    if (s.precision != precision || s.batch != 1) continue;
    chosen.push_back(s);
    chosen.back().seconds /= clock_ratio(device, clock_hz);
  }
  return chosen;
}

GemmTable::Model flash_model(const Device& device, bool causal) {
  return [&device, causal](double queries, double keys, double batch) {
    return flash_work(device, causal, queries, keys, batch);
  };
}

bool shorter(const Price& a, const Price& b) {
  return a.seconds < b.seconds;
}

}  // namespace

double modelled_gemm_seconds(const Device& device, const GemmRate& rate, double m, double n, double k,
                             double batch) {
  const double bandwidth = device.memory_bytes_per_s * device.memory_efficiency;
  const double per_processor = rate.flop_per_s / device.processors;
  double best = std::numeric_limits<double>::infinity();
  double rows = device.tile_rows, columns = device.tile_columns, tile_rate = 1;
  for (int halving = 0; halving <= kTileHalvings; ++halving) {
    const double tiles = std::ceil(m / rows) * std::ceil(n / columns) * batch;
    for (double splits = 1; splits <= kMaxSplits; splits *= 2) {
      // Half of a last, partial wave is filled by the blocks that share a processor and by the next kernel.
      const double full = tiles * splits / device.processors;
      const double waves = full <= 1 ? 1 : (full + std::ceil(full)) / 2;
      const double depth = k / splits + rate.depth_overhead;
      const double reduction = splits > 1 ? 2 * splits * m * n * batch * sizeof(float) / bandwidth : 0;
      best = std::min(best, waves * 2 * rows * columns * depth / (per_processor * tile_rate) + reduction);
    }
    (rows > columns ? rows : columns) /= 2;
    tile_rate *= kHalfTileRate;
  }
  const double streaming = batch * (m * k + k * n + m * n) * rate.element_bytes / bandwidth;
  return std::max({best, streaming, static_cast<double>(device.kernel_floor_s)});
}

KernelCost::KernelCost(const Device& device, Precision precision, double clock_hz, int64_t active_devices,
                       AttentionKernel attention)
    : device_(device),
      element_bytes_(static_cast<double>(bytes_per_element(precision))),
      peak_(paraplan::peak_flop_per_s(device, precision) * clock_ratio(device, clock_hz)),
      bandwidth_(device.memory_bytes_per_s * device.memory_efficiency),
      table_(
          samples_of(device, precision, clock_hz),
          [this](double m, double n, double k) {
            const GemmRate rate{peak_ * device_.gemm_efficiency, device_.gemm_depth_overhead, element_bytes_};
            return modelled_gemm_seconds(device_, rate, m, n, k, 1);
          }),
      attention_(device, attention) {
  const bool has_samples =
      std::ranges::find(device.op_samples, precision, &OpSample::precision) != device.op_samples.end();
  if (has_samples && clock_ratio(device, clock_hz) == 1) {
    ops_.emplace(device.op_samples, precision, sample_ranks(device, active_devices), models());
  }
}

// A precision that the profile names no peak for, fp64, leaves the shape of the formulas to the samples.
OpTable::Models KernelCost::models() const {
  const GemmTable::Model flash = flash_model(device_, false), causal_flash = flash_model(device_, true);
  if (peak_ == 0) {
    const auto volume = [](double m, double n, double k) { return m * n * k; };
    return {volume, volume, flash, causal_flash};
  }
  const GemmRate gemm{peak_ * device_.gemm_efficiency, device_.gemm_depth_overhead, element_bytes_};
  const GemmRate batched{peak_ * device_.batched_gemm_efficiency, 0, element_bytes_};
  return {
      [this, gemm](double m, double n, double k) { return modelled_gemm_seconds(device_, gemm, m, n, k, 1); },
      [this, batched](double m, double n, double k) {
        return modelled_gemm_seconds(device_, batched, m, n, k, kManyProducts);
      },
      flash, causal_flash};
}

// Products at `efficiency` of the peak, inside long steps. A sustained rate of 1 changes nothing.
PriceOrigin KernelCost::origin_of_products(const Constant& efficiency) const {
  const Constant& sustained = device_.sustained_rate == 1 ? efficiency : device_.sustained_rate;
  return origin_of({&efficiency, &sustained});
}

PriceOrigin KernelCost::origin_of_table(PriceSource source) const {
  if (source == PriceSource::modelled)
    return std::max(origin_of({&device_.gemm_depth_overhead}), origin_of_products(device_.gemm_efficiency));
  const PriceOrigin sample =
      source == PriceSource::measured ? PriceOrigin::measured : PriceOrigin::interpolated;
  return device_.sustained_rate == 1 ? sample : std::max(sample, origin_of({&device_.sustained_rate}));
}

Price KernelCost::gemm(const Op& op) const {
  const GemmTable::Price price = table_.price(op.m, op.n, op.k);
  return {price.seconds / device_.sustained_rate, origin_of_table(price.source)};
}

// The experts' products of one kind, in one kernel.
Price KernelCost::grouped_gemm(const Op& op) const {
  const GemmRate rate{peak_ * device_.gemm_efficiency * device_.sustained_rate, device_.gemm_depth_overhead,
                      element_bytes_};
  return {modelled_gemm_seconds(device_, rate, static_cast<double>(op.m), static_cast<double>(op.n),
                                static_cast<double>(op.k), op.batch),
          std::max(origin_of({&device_.gemm_depth_overhead}), origin_of_products(device_.gemm_efficiency))};
}

// Heads lie side by side, so that one whose width is no multiple of 16 bytes leaves the alignment that tensor
// cores need, and the product runs on the other units.
double KernelCost::batched_peak(const Op& op) const {
  const int64_t width = op.kind == OpKind::attention_scores ? op.k : op.n;
  const auto bytes = static_cast<int64_t>(element_bytes_);
  if (width * bytes % kTensorCoreBytes == 0 || device_.peak_fp32_flop_per_s == 0) return peak_;
  return std::min<double>(peak_, device_.peak_fp32_flop_per_s);
}

// The many small products of a batch overlap their prologues: no depth overhead.
Price KernelCost::attention_matmul(const Op& op) const {
  const GemmRate rate{batched_peak(op) * device_.batched_gemm_efficiency * device_.sustained_rate, 0,
                      element_bytes_};
  return {modelled_gemm_seconds(device_, rate, static_cast<double>(op.m), static_cast<double>(op.n),
                                static_cast<double>(op.k), op.batch),
          origin_of_products(device_.batched_gemm_efficiency)};
}

// From samples of the kernel, or else by the device's efficiency.
Price KernelCost::flash_attention(const Op& op) const {
  const Constant& efficiency = op.derivative == Derivative::none ? device_.flash_forward_efficiency
                                                                 : device_.flash_backward_efficiency;
  Price working{op.flop / (peak_ * efficiency * device_.sustained_rate), origin_of_products(efficiency)};
  if (const std::optional<double> seconds = attention_.seconds(op); seconds && element_bytes_ == 2)
    working = {*seconds / device_.sustained_rate, origin_of_table(PriceSource::interpolated)};
  return std::max({working, Price{op.bytes / bandwidth_, origin_of({&device_.memory_efficiency})},
                   Price{device_.kernel_floor_s, origin_of({&device_.kernel_floor_s})}},
                  shorter);
}

// Each of the op's kernels takes at least the floor.
Price KernelCost::elementwise(const Op& op) const {
  Price moving{op.bytes / bandwidth_, origin_of({&device_.memory_efficiency})};
  if (op.random_numbers > 0 && device_.random_numbers_per_s > 0) {
    moving.seconds += op.random_numbers / device_.random_numbers_per_s;
    moving.origin = std::max(moving.origin, origin_of({&device_.random_numbers_per_s}));
  }
  const Price floor{op.launches * device_.kernel_floor_s, origin_of({&device_.kernel_floor_s})};
  return std::max(moving, floor, shorter);
}

Price KernelCost::price(const Op& op) const {
  if (ops_) {
    if (const std::optional<Price> price = ops_->price(op)) return *price;
  }
  return modelled(op);
}

Price KernelCost::modelled(const Op& op) const {
  switch (op.kind) {
    case OpKind::gemm:
      return gemm(op);
    case OpKind::grouped_gemm:
      return grouped_gemm(op);
    case OpKind::attention_scores:
    case OpKind::attention_context:
      return attention_matmul(op);
    case OpKind::flash_attention:
      return flash_attention(op);
    default:
      return elementwise(op);
  }
}

}  // namespace paraplan
