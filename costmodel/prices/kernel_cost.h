#pragma once

#include <cstdint>
#include <optional>

#include "costmodel/ops/op.h"
#include "costmodel/prices/attention/attention_table.h"
#include "costmodel/prices/gemm_table.h"
#include "costmodel/prices/op_table.h"
#include "costmodel/prices/price.h"
#include "costmodel/profile/hardware_profile.h"

namespace paraplan {

// How a device works on one kind of matrix product.
struct GemmRate {
  double flop_per_s = 0;      // of large products: peak * efficiency
  double depth_overhead = 0;  // prologue and epilogue of a tile, in elements of the reduction
  double element_bytes = 2;
};

// Time of `batch` matrix products (m, k) x (k, n) from the efficiency model alone: tiles run in waves over
// the processors, the reduction may be split, operands stream from memory. Non-decreasing in every size.
double modelled_gemm_seconds(const Device& device, const GemmRate& rate, double m, double n, double k,
                             double batch);

// Prices ops that stay on one device.
class KernelCost {
 public:
  // `clock_hz` 0: the profile's. Peaks scale with the clock, memory bandwidth does not.
  // `active_devices`: of the node, at work at the same time. Keeps a reference to the device.
  // `attention`: the kernel of fused attention.
  KernelCost(const Device& device, Precision precision, double clock_hz, int64_t active_devices = 1,
             AttentionKernel attention = AttentionKernel::flash_2);
  KernelCost(const KernelCost&) = delete;  // its tables' models point back to it
  KernelCost& operator=(const KernelCost&) = delete;

  // The device's op samples go first, as they were measured, where they were measured at this clock; then its
  // GEMM samples and formulas.
  Price price(const Op& op) const;

  double streaming_bytes_per_s() const { return bandwidth_; }

 private:
  OpTable::Models models() const;
  Price modelled(const Op& op) const;
  Price gemm(const Op& op) const;
  Price grouped_gemm(const Op& op) const;
  PriceOrigin origin_of_table(PriceSource source) const;
  PriceOrigin origin_of_products(const Constant& efficiency) const;
  Price attention_matmul(const Op& op) const;
  Price elementwise(const Op& op) const;
  Price flash_attention(const Op& op) const;
  double batched_peak(const Op& op) const;

  const Device& device_;
  double element_bytes_;
  double peak_;
  double bandwidth_;
  GemmTable table_;
  AttentionTable attention_;
  std::optional<OpTable> ops_;
};

}  // namespace paraplan
