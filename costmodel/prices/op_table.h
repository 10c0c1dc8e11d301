#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "costmodel/ops/op.h"
#include "costmodel/prices/byte_curve.h"
#include "costmodel/prices/gemm_table.h"
#include "costmodel/prices/op_sample_key.h"
#include "costmodel/prices/price.h"
#include "costmodel/profile/hardware_profile.h"

namespace paraplan {

// Times of ops on one device from measured ones, while a number of devices of the node are at work.
//
// An op that was measured has its measured time. Others are interpolated:
// - matrix products (gemm, attention_*; the latter in seconds per product of the batch) with a GemmTable of
//   the same kind and derivative. Its model is the device's formula times the ratio of sample to formula
//   around the sizes: the geometric mean over all samples, weighted by distance^-4 in log sizes. Near a
//   sample its own ratio holds, far away that of all, and there is no step between;
// - flash attention the same way over queries, keys and batch, among samples of the same derivative, mask,
//   dropout and head width. Heads of a width without samples have no price. Samples that differ in bytes
//   alone, by their key-value heads, count with their mean;
// - everything else by its bytes, with a ByteCurve of the same kind, derivative and dropout.
// Of each such family, the samples taken with the nearest number of active devices count.
class OpTable {
 public:
  // Times from a formula; used up to a factor, so their unit does not matter.
  struct Models {
    GemmTable::Model gemm;          // one matrix product
    GemmTable::Model attention;     // one of many products of a batch
    GemmTable::Model flash;         // flash attention, of queries, keys and batch
    GemmTable::Model causal_flash;  // the same with a causal mask
  };

  // `samples`: those of `precision` count. A later sample of the same op replaces an earlier one.
  OpTable(const std::vector<OpSample>& samples, Precision precision, int64_t active_devices,
          const Models& models);

  // Empty for ops of families without samples. Origin: measured for samples with this very number of active
  // devices, else interpolated.
  std::optional<Price> price(const Op& op) const;

 private:
  // Ops that one curve or table prices: kind, derivative, whether they draw a dropout mask; of flash
  // attention also whether it is causal, and the head width.
  using Family = std::tuple<OpKind, Derivative, bool, bool, int64_t>;
  struct KeyHash {
    size_t operator()(const OpSampleKey& key) const;
  };
  static Family family_of(const OpSample& sample);

  void add_family(const Family& family, const std::vector<OpSample>& samples, const Models& models);

  Precision precision_;
  int64_t active_devices_;
  std::unordered_map<OpSampleKey, Price, KeyHash> samples_;  // under `active_devices_`, whatever their own
  std::map<Family, GemmTable> sized_;
  std::map<Family, ByteCurve> curves_;
};

}  // namespace paraplan
