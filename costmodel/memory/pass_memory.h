#pragma once

#include <array>
#include <optional>
#include <vector>

#include "costmodel/memory/chunk_memory.h"
#include "costmodel/memory/pass_moments.h"
#include "costmodel/time/step_plan.h"

namespace paraplan {

// Memory of the ranks of a layout's stages that comes and goes with the passes.
class PassMemory {
 public:
  // Keeps the moments that `memo` has of the plan, which stay until it is asked for others.
  PassMemory(const StepPlan& plan, const SoftwareProfile& software, MomentsMemo& memo);

  // What the passes of a stage need at the moment of their largest sum; equals replayed_peak(). Found when
  // first asked for.
  const MemoryUse& peak(int64_t stage);
  // The same with the software's most wasteful loss; empty where all losses are alike.
  std::optional<MemoryUse> most_peak(int64_t stage) const;

  const ChunkMemory& of_chunk(int32_t chunk) const { return chunks_[static_cast<size_t>(chunk)].memory; }

 private:
  // With the sums over all categories, which tell the moment of the peak.
  struct SummedChunk {
    explicit SummedChunk(const ChunkMemory& chunk);
    ChunkMemory memory;
    double kept_bytes, kept_for_weights_bytes;
    std::array<double, kPassKinds> peak_bytes;  // by Pass
  };
  using SummedChunks = std::vector<SummedChunk>;  // by place in ModelSplit::chunks
  static double total_at(const PassMoment& moment, const SummedChunks& chunks);
  static MemoryUse use_at(const PassMoment& moment, const SummedChunks& chunks);
  static MemoryUse peak_of(const std::vector<PassMoment>& moments, const SummedChunks& chunks);

  const std::vector<std::vector<PassMoment>>& moments_;  // by stage
  SummedChunks chunks_, most_chunks_;
  std::vector<std::optional<MemoryUse>> peaks_;  // by stage
};

}  // namespace paraplan
