#include "costmodel/memory/pass_memory.h"

namespace paraplan {
namespace {

void add_times(MemoryUse each, int32_t count, MemoryUse& sum) {
  if (count == 0) return;
  each *= count;
  sum += each;
}

}  // namespace

PassMemory::SummedChunk::SummedChunk(const ChunkMemory& chunk)
    : memory(chunk),
      kept_bytes(chunk.kept().total()),
      kept_for_weights_bytes(chunk.kept_for_weights().total()) {
  for (const Pass pass : {Pass::forward, Pass::backward, Pass::data, Pass::weight})
    peak_bytes[static_cast<size_t>(pass)] = chunk.of(pass).peak.total();
}

// Largest sum of a pass that begins at `moment`, beside what other micro-batches keep.
double PassMemory::total_at(const PassMoment& moment, const SummedChunks& chunks) {
  const SummedChunk& own = chunks[static_cast<size_t>(moment.chunk)];
  double total = own.peak_bytes[static_cast<size_t>(moment.pass)];
  for (size_t c = 0; c < chunks.size(); ++c)
    total += moment.alive[c] * chunks[c].kept_bytes + moment.waiting[c] * chunks[c].kept_for_weights_bytes;
  return total;
}

// The same by category.
MemoryUse PassMemory::use_at(const PassMoment& moment, const SummedChunks& chunks) {
  const ChunkMemory& own = chunks[static_cast<size_t>(moment.chunk)].memory;
  MemoryUse use = own.of(moment.pass).peak;
  for (size_t c = 0; c < chunks.size(); ++c) {
    add_times(chunks[c].memory.kept(), moment.alive[c], use);
    add_times(chunks[c].memory.kept_for_weights(), moment.waiting[c], use);
  }
  return use;
}

// At the moment with the largest sum; of several the first.
MemoryUse PassMemory::peak_of(const std::vector<PassMoment>& moments, const SummedChunks& chunks) {
  const PassMoment* fullest = nullptr;
  double most = 0;
  for (const PassMoment& moment : moments) {
    const double total = total_at(moment, chunks);
    if (total > most) fullest = &moment, most = total;
  }
  return fullest ? use_at(*fullest, chunks) : MemoryUse{};
}

PassMemory::PassMemory(const StepPlan& plan, const SoftwareProfile& software, MomentsMemo& memo)
    : moments_(
          memo.of({plan.times.schedule, plan.times.pipeline, plan.times.virtual_stages, plan.micro_batches},
                  plan.split)),
      peaks_(moments_.size()) {
  const bool split = splits_backward(plan.times.schedule);
  const bool varies = software.memory.most_loss_backward_bytes > 0;
  chunks_.reserve(plan.split.chunks.size());
  for (const Chunk& chunk : plan.split.chunks) {
    chunks_.emplace_back(chunk_memory(plan.model, chunk, software, split));
    if (varies) most_chunks_.emplace_back(chunk_memory(plan.model, chunk, software, split, true));
  }
}

const MemoryUse& PassMemory::peak(int64_t stage) {
  std::optional<MemoryUse>& peak = peaks_[static_cast<size_t>(stage)];
  if (!peak) peak = peak_of(moments_[static_cast<size_t>(stage)], chunks_);
  return *peak;
}

std::optional<MemoryUse> PassMemory::most_peak(int64_t stage) const {
  if (most_chunks_.empty()) return std::nullopt;
  return peak_of(moments_[static_cast<size_t>(stage)], most_chunks_);
}

}  // namespace paraplan
