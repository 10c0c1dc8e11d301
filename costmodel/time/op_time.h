#pragma once

#include <cstdint>
#include <string>

#include "costmodel/base/categories.h"

namespace paraplan {

// What an op of the op list costs one stage in one training step, predicted or measured. Two sides are joined
// by `key()`.
struct OpTime {
  std::string block;  // "embedding", "layer", "head"; "step" for what follows the last backward pass
  std::string pass;   // "forward", "backward", "recompute", "update"
  int64_t index = 0;  // place in the block's op list of that pass
  std::string name;   // of the op: "ffn.up"
  std::string kind;   // "gemm", "all_reduce" ...
  TimeCategory category = TimeCategory::other;
  int64_t calls = 0;   // per step
  double seconds = 0;  // all calls of a step
  PriceOrigin origin = PriceOrigin::measured;

  std::string key() const { return block + "/" + pass + "/" + std::to_string(index) + "/" + name; }
  bool operator==(const OpTime&) const = default;
};

}  // namespace paraplan
