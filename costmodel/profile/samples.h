#pragma once

#include <cstdint>
#include <string>

#include "costmodel/base/attention_kernel.h"
#include "costmodel/base/op_kind.h"
#include "costmodel/base/precision.h"

namespace paraplan {

// One measured matrix product: (m, k) x (k, n), `batch` times.
struct GemmSample {
  Precision precision = Precision::fp16;
  int64_t m = 0, n = 0, k = 0, batch = 1;
  double seconds = 0;
  std::string source;
  bool operator==(const GemmSample&) const = default;
};

// One measured op with its local shape, as the executor launches it: what the fields of Op of the same name
// say. `ranks`: devices of the node that did the same at the same time (cores share caches and memory).
struct OpSample {
  Precision precision = Precision::fp32;
  OpKind kind = OpKind::gemm;
  Derivative derivative = Derivative::none;
  int64_t m = 0, n = 0, k = 0;
  double batch = 1;
  double bytes = 0;
  bool random = false;  // draws a dropout mask
  bool causal = false;  // flash_attention only
  int64_t ranks = 1;
  double seconds = 0;
  double noise = 0;  // (third - first quartile) / median of the measurement
  bool operator==(const OpSample&) const = default;
};

// One measured pass of a fused attention kernel over 16-bit inputs: of `heads` heads (of all samples
// together) of `width`, each over `seq_length` queries and as many keys.
struct AttentionSample {
  AttentionKernel kernel = AttentionKernel::flash_2;
  bool backward = false;
  bool causal = false;
  int64_t heads = 0, width = 0, seq_length = 0;
  double seconds = 0;
  std::string source;
  bool operator==(const AttentionSample&) const = default;
};

// One measured collective or message between devices of one node. `bytes`: the full buffer.
struct CollectiveSample {
  enum class Kind { all_reduce, all_gather, reduce_scatter, send };
  Kind kind = Kind::all_reduce;
  int64_t ranks = 2;
  double bytes = 0;
  double seconds = 0;
  double noise = 0;
  std::string source = {};  // where the time comes from; empty: this machine
  bool operator==(const CollectiveSample&) const = default;
};
const char* to_string(CollectiveSample::Kind);

}  // namespace paraplan
