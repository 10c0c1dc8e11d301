#include "costmodel/memory/chunk_memory.h"

#include <ranges>

namespace paraplan {
namespace {

using enum MemoryCategory;

void add(MemoryCategory category, double bytes, MemoryChange& pass) {
  if (bytes != 0) pass += MemoryChange({category, bytes});
}

// What has its place as long as the micro-batch is in flight.
MemoryUse kept_by_pass(const ModelCost& model, const Chunk& chunk) {
  MemoryUse kept;
  for (const Segment& s : chunk.segments) {
    MemoryUse each = model.memory[s.block].kept_by_pass[static_cast<size_t>(s.kept)];
    each *= static_cast<double>(s.repeats);
    kept += each;
  }
  return kept;
}

// Its blocks, one after the other, as `of` has them.
template <class Segments, class Of>
void add_blocks(const Segments& segments, const Of& of, MemoryChange& pass) {
  for (const Segment& s : segments) {
    const MemoryChange& block = of(s);
    pass += s.repeats == 1 ? block : block.repeated(static_cast<double>(s.repeats));
  }
}

}  // namespace

ChunkMemory chunk_memory(const ModelCost& model, const Chunk& chunk, const SoftwareProfile& software,
                         bool split, bool most) {
  const auto memory = [&](const Segment& s) -> const BlockMemory& { return model.memory[s.block]; };
  const bool by_op = software.memory.frees_saved == FreesSaved::op;
  const bool keeps_sent = software.communication.keeps_sent_activations;
  const double input = memory(chunk.segments.front()).input_bytes,
               output = memory(chunk.segments.back()).output_bytes;
  ChunkMemory result;
  MemoryChange &forward = result.forward, &backward = result.backward;
  MemoryUse kept;
  if (by_op) {
    add(activations, input, forward);
  } else {
    kept = kept_by_pass(model, chunk);
    forward.delta = forward.peak = kept;
  }
  add_blocks(
      chunk.segments,
      [&](const Segment& s) -> const MemoryChange& { return memory(s).forward[static_cast<size_t>(s.kept)]; },
      forward);
  if (by_op && !keeps_sent) add(activations, -output, forward);
  add(temporary, output, backward);
  add_blocks(
      chunk.segments | std::views::reverse,
      [&](const Segment& s) -> const MemoryChange& {
        const BlockMemory& block = memory(s);
        return most && s.kept == Kept::all ? block.most_backward
                                           : block.backward[static_cast<size_t>(s.kept)];
      },
      backward);
  add(temporary, -input, backward);
  if (by_op && keeps_sent) add(activations, -output, backward);
  if (split)
    add_blocks(
        chunk.segments | std::views::reverse,
        [&](const Segment& s) -> const MemoryChange& {
          return memory(s).weight[static_cast<size_t>(s.kept)];
        },
        result.weight);
  kept *= -1;
  (split ? result.weight : backward).delta += kept;
  return result;
}

}  // namespace paraplan
