#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "costmodel/byte_curve.h"
#include "costmodel/gemm_table.h"
#include "costmodel/hardware_profile.h"
#include "costmodel/op.h"
#include "costmodel/price.h"

namespace paraplan {

// Times of ops on one device from measured ones, while a number of devices of the node are at work.
//
// An op that was measured has its measured time. Others are interpolated:
// - matrix products (gemm, attention_*; the latter in seconds per product of the batch) with a GemmTable of
//   the same kind and derivative. Its model is the device's formula times the ratio of sample to formula
//   around the sizes: the geometric mean over all samples, weighted by distance^-4 in log sizes. Near a
//   sample its own ratio holds, far away that of all, and there is no step between;
// - everything else by its bytes, with a ByteCurve of the same kind, derivative and dropout. Only flash
//   attention is not: its bytes do not tell its time.
// Of each such family, the samples taken with the nearest number of active devices count.
class OpTable {
 public:
  // Times of one matrix product from a formula; used up to a factor, so its unit does not matter.
  struct Models {
    GemmTable::Model gemm;
    GemmTable::Model attention;  // one of many products of a batch
  };

  // `samples`: those of `precision` count. A later sample of the same op replaces an earlier one.
  OpTable(const std::vector<OpSample>& samples, Precision precision, int64_t active_devices,
          const Models& models);

  // Empty for ops of families without samples. Origin: measured for samples with this very number of active
  // devices, else interpolated.
  std::optional<Price> price(const Op& op) const;

 private:
  // Ops that one curve or table prices.
  using Family = std::tuple<OpKind, Derivative, bool>;  // kind, derivative, draws a dropout mask
  struct Key {
    OpKind kind;
    Derivative derivative;
    int64_t m, n, k;
    double batch, bytes;
    bool random;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const;
  };
  static Key key_of(const Op& op);
  static Key key_of(const OpSample& sample);

  void add_family(const Family& family, const std::vector<OpSample>& samples, bool same_ranks,
                  const Models& models);

  std::unordered_map<Key, Price, KeyHash> samples_;
  std::map<Family, GemmTable> products_;
  std::map<Family, ByteCurve> curves_;
};

}  // namespace paraplan
