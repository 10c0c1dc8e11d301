#pragma once

#include <cstddef>
#include <functional>
#include <optional>

namespace paraplan {

// Seconds of one run of a candidate, on average over `repeats` runs in a row; nothing where it cannot run.
using CandidateTimer = std::function<std::optional<double>(size_t candidate, int repeats)>;

// The fastest of `count` candidates, which come in the order of their promise. All are timed once; those near
// the best are timed in rounds, so that a change of clocks meets all alike, and compared by their medians. An
// earlier candidate wins unless a later one is clearly faster. Nothing where no candidate runs.
std::optional<size_t> choose_fastest(size_t count, const CandidateTimer& seconds);

}  // namespace paraplan
