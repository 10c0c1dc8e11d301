#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "costmodel/model/scenario.h"

namespace paraplan {

// Every value of the model, the profiles, the cluster and the batch, one "key = value" per line, in a fixed
// order. Names, descriptions, sources, the search space and the measured rows are left out: they do not
// change a prediction.
std::string canonical_text(const Scenario& scenario);

// Digest of the canonical text, to tell whether two files speak of the same inputs:
// "fnv1a64:0123456789abcdef".
std::string scenario_digest(const Scenario& scenario);

// FNV-1a, 64 bits (Fowler, Noll and Vo). Not for security.
uint64_t fnv1a_64(std::string_view text);

}  // namespace paraplan
