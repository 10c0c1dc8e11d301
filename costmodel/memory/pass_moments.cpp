#include "costmodel/memory/pass_moments.h"

#include <algorithm>
#include <functional>

namespace paraplan {
namespace {

bool dominates(const PassMoment& a, const PassMoment& b) {
  return a.pass == b.pass && a.chunk == b.chunk &&
         std::ranges::equal(a.alive, b.alive, std::ranges::greater_equal()) &&
         std::ranges::equal(a.waiting, b.waiting, std::ranges::greater_equal());
}

void add_moment(const PassMoment& moment, std::vector<PassMoment>& moments) {
  for (const PassMoment& known : moments)
    if (dominates(known, moment)) return;
  std::erase_if(moments, [&](const PassMoment& known) { return dominates(moment, known); });
  moments.push_back(moment);
}

// With one virtual stage per stage all pairs are of one chunk.
std::vector<PassMoment> moments_of_one_chunk(const ScheduleShape& shape, const ModelSplit& split,
                                             int64_t stage) {
  const int64_t most = peak_in_flight(shape.schedule, shape.pipeline, stage, shape.micro_batches, 1);
  PassMoment moment{Pass::forward, split.chunk_of[static_cast<size_t>(stage)],
                    std::vector<int32_t>(split.chunks.size()), std::vector<int32_t>(split.chunks.size())};
  int32_t& alive = moment.alive[static_cast<size_t>(moment.chunk)];
  alive = static_cast<int32_t>(most - 1);
  std::vector<PassMoment> moments{moment};
  moment.pass = Pass::backward, alive += 1;
  moments.push_back(moment);
  return moments;
}

// Further micro-batches change nothing: of 1F1B no more than `pipeline` are in flight; of the interleaved
// schedule warm-up and drain take at most two rounds of `pipeline`, and rounds between them are alike;
// waiting weight passes take a round.
int64_t enough_micro_batches(const ScheduleShape& shape) {
  if (shape.schedule == PipelineSchedule::gpipe) return shape.micro_batches;
  const bool one_round = shape.virtual_stages == 1 && !splits_backward(shape.schedule);
  return std::min(shape.micro_batches, (one_round ? 1 : 3) * shape.pipeline);
}

// What a pass makes of the pairs of its chunk.
void pass_by(Pass pass, int32_t& alive, int32_t& waiting) {
  switch (pass) {
    case Pass::forward:
      ++alive;
      return;
    case Pass::backward:
      --alive;
      return;
    case Pass::data:
      --alive, ++waiting;
      return;
    case Pass::weight:
      --waiting;
      return;
  }
}

}  // namespace

std::vector<PassMoment> pass_moments(const ScheduleShape& shape, const ModelSplit& split, int64_t stage) {
  if (shape.virtual_stages == 1 && !splits_backward(shape.schedule))
    return moments_of_one_chunk(shape, split, stage);
  std::vector<PassMoment> moments;
  PassMoment moment;
  moment.alive.resize(split.chunks.size());
  moment.waiting.resize(split.chunks.size());
  for (const PipelineStep& step : stage_schedule(shape.schedule, shape.pipeline, stage,
                                                 enough_micro_batches(shape), shape.virtual_stages)) {
    moment.pass = step.pass;
    moment.chunk = split.chunk_of[static_cast<size_t>(step.chunk * shape.pipeline + stage)];
    add_moment(moment, moments);
    const auto chunk = static_cast<size_t>(moment.chunk);
    pass_by(step.pass, moment.alive[chunk], moment.waiting[chunk]);
  }
  return moments;
}

const std::vector<std::vector<PassMoment>>& MomentsMemo::of(const ScheduleShape& shape,
                                                            const ModelSplit& split) {
  ScheduleShape key = shape;
  key.micro_batches = enough_micro_batches(shape);
  Entry& entry = entries_[key];
  if (entry.chunk_of == split.chunk_of) return entry.stages;
  entry.chunk_of = split.chunk_of;
  entry.stages.clear();
  for (int64_t s = 0; s < shape.pipeline; ++s) entry.stages.push_back(pass_moments(key, split, s));
  return entry.stages;
}

}  // namespace paraplan
