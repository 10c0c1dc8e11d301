#pragma once

#include <cstdint>
#include <string>

#include "costmodel/base/categories.h"
#include "costmodel/ops/op_key.h"

namespace paraplan {

// What an op of the step costs one stage in one training step, predicted or measured; or what a stage waits
// for. The two sides are joined by `key`.
struct OpTime {
  OpKey key;
  std::string name = {};  // of the op: "ffn.up"
  std::string kind = {};  // "gemm", "all_reduce" ...; "wait" for what is no op
  TimeCategory category = TimeCategory::other;
  int64_t calls = 0;   // per step; 0 for waits that do not come one by one
  double seconds = 0;  // all calls of a step
  PriceOrigin origin = PriceOrigin::measured;

  bool operator==(const OpTime&) const = default;
};

// "layer/forward/3 ffn.up"
std::string to_string(const OpTime& op);

}  // namespace paraplan
