#include "costmodel/memory/chunk_memory.h"

#include <ranges>

namespace paraplan {
namespace {

using enum MemoryCategory;

MemoryChange of_kept(MemoryUse kept, double sign) {
  MemoryChange change;
  kept *= sign;
  change.delta = kept;
  if (sign > 0) change.peak = kept;
  return change;
}

}  // namespace

ChunkMemory chunk_memory(const ModelCost& model, const Chunk& chunk, const SoftwareProfile& software,
                         bool most) {
  const auto memory = [&](const Segment& s) -> const BlockMemory& { return model.memory[s.block]; };
  const bool by_pass = software.memory.frees_saved == FreesSaved::pass;
  const double input = memory(chunk.segments.front()).input_bytes,
               output = memory(chunk.segments.back()).output_bytes;
  const double received = by_pass ? 0 : input, sent = by_pass ? 0 : output;
  const bool keeps_sent = software.communication.keeps_sent_activations;
  MemoryUse kept;
  for (const Segment& s : chunk.segments) {
    MemoryUse each = memory(s).kept_by_pass[static_cast<size_t>(s.kept)];
    each *= static_cast<double>(s.repeats);
    kept += each;
  }
  ChunkMemory result;
  MemoryChange& forward = result.forward;
  forward += of_kept(kept, 1);
  forward += MemoryChange({activations, received});
  for (const Segment& s : chunk.segments)
    forward += memory(s).forward[static_cast<size_t>(s.kept)].repeated(static_cast<double>(s.repeats));
  if (!keeps_sent) forward += MemoryChange({activations, -sent});
  MemoryChange& backward = result.backward;
  backward += MemoryChange({temporary, output});
  for (const Segment& s : chunk.segments | std::views::reverse)
    backward += (most && s.kept == Kept::all ? memory(s).most_backward
                                             : memory(s).backward[static_cast<size_t>(s.kept)])
                    .repeated(static_cast<double>(s.repeats));
  backward += MemoryChange({temporary, -input});
  if (keeps_sent) backward += MemoryChange({activations, -sent});
  backward += of_kept(kept, -1);
  return result;
}

}  // namespace paraplan
