#pragma once

#include <string>

#include "planner/compare/comparison.h"

namespace paraplan {

// Text for a terminal with the `most_ops` ops that differ most; 0 for all.
std::string comparison_report(const Comparison& comparison, const RunRecord& run, size_t most_ops);

// Everything, as `compare --json` prints it.
std::string comparison_json(const Comparison& comparison, const RunRecord& run);

}  // namespace paraplan
