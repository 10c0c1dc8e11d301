#include "costmodel/time/replay_order.h"

#include <algorithm>
#include <cassert>
#include <limits>

namespace paraplan {
namespace {

constexpr int32_t kNotYet = -1;

// Walks the work lists of all stages in turns, so that neighbours in the order seldom wait for each other.
class ListWalk {
 public:
  explicit ListWalk(const ScheduleShape& shape)
      : shape_(shape),
        places_(static_cast<size_t>(shape.passes() * shape.micro_batches), kNotYet),
        next_(static_cast<size_t>(shape.pipeline), 0) {
    assert(places_.size() < static_cast<size_t>(std::numeric_limits<int32_t>::max()));
    cells_.reserve(places_.size());
    for (int64_t s = 0; s < shape.pipeline; ++s)
      lists_.push_back(
          stage_schedule(shape.schedule, shape.pipeline, s, shape.micro_batches, shape.virtual_stages));
  }

  // Until every stage has done `passes(stage, its list)` of its list; returns the number of cells so far.
  // What the stages have to do must wait for nothing beyond.
  template <class Passes>
  size_t run(const Passes& passes) {
    size_t wanted = 0;
    std::vector<size_t> until;
    for (size_t s = 0; s < lists_.size(); ++s) wanted += until.emplace_back(passes(s, lists_[s]));
    while (cells_.size() < wanted) {
      [[maybe_unused]] const size_t before = cells_.size();
      for (size_t s = 0; s < lists_.size(); ++s)
        if (next_[s] < until[s]) try_next(s);
      assert(cells_.size() > before);
    }
    return wanted;
  }

  std::vector<ReplayCell> take() { return std::move(cells_); }

 private:
  void try_next(size_t stage) {
    const PipelineStep& step = lists_[stage][next_[stage]];
    const auto first = static_cast<int64_t>(stage);
    const int64_t part = step.chunk * shape_.pipeline + first;
    const int64_t pass = place_of(step.pass) * shape_.parts() + part;
    const auto here = static_cast<int32_t>(cells_.size());
    const int32_t input = input_of(step, part, here);
    if (input == kNotYet) return;
    cells_.push_back({here - input, static_cast<int32_t>(pass), static_cast<int32_t>(stage),
                      static_cast<int32_t>(step.micro_batch)});
    place(pass, step.micro_batch) = here;
    ++next_[stage];
  }

  // Among the passes of a virtual stage.
  static int64_t place_of(Pass pass) { return pass == Pass::forward ? 0 : pass == Pass::weight ? 2 : 1; }

  // Place of the cell whose output a pass takes; `here`: it takes none. A weight pass needs nothing that its
  // stage does not have when its list gets there.
  int32_t input_of(const PipelineStep& step, int64_t part, int32_t here) {
    const int64_t last = shape_.parts() - 1;
    if (step.pass == Pass::weight) return here;
    if (step.pass == Pass::forward) return part == 0 ? here : place(part - 1, step.micro_batch);
    return place(part == last ? last : shape_.parts() + part + 1, step.micro_batch);
  }

  int32_t& place(int64_t pass, int64_t micro_batch) {
    return places_[static_cast<size_t>(pass * shape_.micro_batches + micro_batch)];
  }

  ScheduleShape shape_;
  std::vector<std::vector<PipelineStep>> lists_;  // by stage
  std::vector<int32_t> places_;                   // by pass and micro-batch
  std::vector<size_t> next_;                      // by stage
  std::vector<ReplayCell> cells_;
};

size_t whole(size_t, const std::vector<PipelineStep>& list) {
  return list.size();
}

ScheduleRounds rounds_of(const ScheduleShape& shape, size_t stage = 0) {
  return schedule_rounds(shape.schedule, shape.pipeline, static_cast<int64_t>(stage), shape.virtual_stages);
}

// The least that hold what comes before the rounds of the first stage, which has most, and two rounds.
int64_t least_repeating(const ScheduleShape& shape) {
  const ScheduleRounds rounds = rounds_of(shape);
  if (rounds.micro_batches == 0) return std::numeric_limits<int64_t>::max();
  const int64_t forwards = rounds.micro_batches * shape.virtual_stages;
  return ((rounds.forwards + forwards - 1) / forwards + 2) * rounds.micro_batches;
}

std::vector<size_t> carried_cells(const ReplayOrder& order) {
  const size_t length = order.drain - order.group;
  std::vector<bool> carried(length, false);
  for (size_t i = order.group; i < order.cells.size(); ++i) {
    // Cells of the group look back to the group before, those behind it to the group.
    const size_t first = i < order.drain ? order.group - length : order.group;
    const auto after = static_cast<size_t>(order.cells[i].after);
    if (after == 0 || i - after >= first + length) continue;
    assert(i - after >= first);
    carried[i - after - first] = true;
  }
  std::vector<bool> seen;
  for (size_t i = length; i-- > 0;) {
    const auto stage = static_cast<size_t>(order.cells[order.group + i].stage);
    if (stage >= seen.size()) seen.resize(stage + 1, false);
    if (!seen[stage]) carried[i] = true;
    seen[stage] = true;
  }
  std::vector<size_t> places;
  for (size_t i = 0; i < length; ++i)
    if (carried[i]) places.push_back(i);
  return places;
}

}  // namespace

ReplayOrder whole_order(const ScheduleShape& shape) {
  ListWalk walk(shape);
  const size_t all = walk.run(whole);
  return {
      .cells = walk.take(), .group = all, .drain = all, .micro_batches = shape.micro_batches, .carried = {}};
}

ScheduleShape repeating_shape(const ScheduleShape& shape) {
  ScheduleShape repeating = shape;
  repeating.micro_batches = std::min(shape.micro_batches, least_repeating(shape));
  return repeating;
}

ReplayOrder repeating_order(const ScheduleShape& shape) {
  if (shape.micro_batches < least_repeating(shape)) return whole_order(shape);
  const auto groups = [&shape](int64_t count) {
    return [=](size_t stage, const auto&) {
      const ScheduleRounds rounds = rounds_of(shape, stage);
      return static_cast<size_t>(rounds.before + count * rounds.entries);
    };
  };
  ListWalk walk(shape);
  // Each on its own: cells of a group lie in the same order each time.
  walk.run(groups(0));
  const size_t group = walk.run(groups(1)), drain = walk.run(groups(2));
  walk.run(whole);
  ReplayOrder order{.cells = walk.take(),
                    .group = group,
                    .drain = drain,
                    .period = rounds_of(shape).micro_batches,
                    .micro_batches = shape.micro_batches,
                    .carried = {}};
  order.carried = carried_cells(order);
  return order;
}

}  // namespace paraplan
