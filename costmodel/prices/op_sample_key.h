#pragma once

#include <tuple>

#include "costmodel/ops/op.h"
#include "costmodel/profile/hardware_profile.h"

namespace paraplan {

// What tells measured ops apart: everything of a sample but its time.
using OpSampleKey =
    std::tuple<Precision, OpKind, Derivative, int64_t, int64_t, int64_t, double, double, bool, bool, int64_t>;

inline OpSampleKey key_of(const OpSample& s) {
  return {s.precision, s.kind, s.derivative, s.m, s.n, s.k, s.batch, s.bytes, s.random, s.causal, s.ranks};
}

// The sample, without a time, that stands for `op` where `ranks` do the same at the same time.
inline OpSample sample_of(const Op& op, Precision precision, int64_t ranks) {
  OpSample sample{.precision = precision, .kind = op.kind, .derivative = op.derivative};
  sample.m = op.m, sample.n = op.n, sample.k = op.k;
  sample.batch = op.batch, sample.bytes = op.bytes;
  sample.random = op.random_numbers > 0;
  sample.causal = op.causal;
  sample.ranks = ranks;
  return sample;
}

}  // namespace paraplan
