#include "costmodel/time/stage_cost.h"

#include <ranges>

namespace paraplan {

StagePasses stage_passes(const ModelCost& model, const Chunk& chunk, bool split) {
  StagePasses passes;
  for (const Segment& s : chunk.segments)
    passes.forward = passes.forward + model.of(s.block).forward.repeated(static_cast<double>(s.repeats));
  for (const Segment& s : chunk.segments | std::views::reverse) {
    const PassCost& backward = model.of(s.block).backward[static_cast<size_t>(s.kept)];
    passes.backward = passes.backward + backward.repeated(static_cast<double>(s.repeats));
    if (split)
      passes.weight = passes.weight + model.of(s.block).weight.repeated(static_cast<double>(s.repeats));
  }
  return passes;
}

}  // namespace paraplan
