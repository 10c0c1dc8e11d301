#pragma once

#include <string>
#include <vector>

#include "executor/run/trainer.h"

namespace paraplan {

// A report as text, for the way between processes, and back.
std::string to_text(const RankReport& report);
RankReport report_from_text(const std::string& text);

// Every rank's report on rank 0, by rank; empty elsewhere. Collective.
std::vector<RankReport> collect_reports(World& world, const RankReport& mine);

}  // namespace paraplan
