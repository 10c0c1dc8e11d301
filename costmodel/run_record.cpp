#include "costmodel/run_record.h"

#include <algorithm>
#include <cassert>

namespace paraplan {

double work_s(const RankRecord& rank) {
  return rank.breakdown.total() - rank.breakdown[TimeCategory::bubble] -
         rank.breakdown[TimeCategory::pipeline_communication];
}

const RankRecord& pacing_rank(const RunRecord& run) {
  assert(!run.ranks.empty());
  return *std::ranges::max_element(run.ranks, {}, work_s);
}

const RankRecord& fullest_rank(const RunRecord& run) {
  assert(!run.ranks.empty());
  return *std::ranges::max_element(run.ranks, {}, [](const RankRecord& rank) { return rank.memory.total(); });
}

}  // namespace paraplan
