#include "costmodel/memory/memory_replay.h"

#include <ranges>

#include "costmodel/step/pipeline_schedule.h"

namespace paraplan {
namespace {

using enum MemoryCategory;

class MemoryReplay {
 public:
  MemoryReplay(const Scenario& scenario, const ModelCost& model, const Layout& layout,
               const StageMemoryInput& stage)
      : scenario_(scenario), model_(model), layout_(layout), stage_(stage) {
    logits_ = model.logits_elements * static_cast<double>(bytes_per_element(scenario.precision));
  }

  MemoryUse peak() {
    for (const PipelineStep& step : stage_schedule(layout_.schedule, layout_.pipeline, stage_.stage,
                                                   stage_.micro_batches, layout_.virtual_stages)) {
      const Chunk& chunk = stage_.chunks[static_cast<size_t>(step.chunk)];
      if (step.pass == Pass::forward) {
        forward(chunk);
      } else {
        backward(chunk);
      }
    }
    return peak_;
  }

 private:
  void forward(const Chunk& chunk) {
    alive_[activations] += chunk_bytes(chunk);
    // Equal blocks need equal memory, so one of each segment is enough.
    for (const Segment& s : chunk.segments) {
      if (s.block == BlockName::head) alive_[loss] += logits_;
      block_forward(model_.of(s.block), s.kept);
    }
  }

  void backward(const Chunk& chunk) {
    for (const Segment& s : chunk.segments | std::views::reverse) {
      block_backward(model_.of(s.block), s.kept);
      if (s.block == BlockName::head) alive_[loss] -= logits_;
    }
    alive_[activations] -= chunk_bytes(chunk);
  }

  double chunk_bytes(const Chunk& chunk) const {
    return saved_bytes(model_, chunk, layout_, scenario_.software.communication.checkpoints_over_tensor);
  }

  void block_forward(const BlockCost& block, Kept kept) {
    const WorkingSet& set = block.working[static_cast<size_t>(kept)];
    moment(set.forward, 0, block.reads_weights_forward ? gathered(block) : 0);
  }

  void block_backward(const BlockCost& block, Kept kept) {
    const WorkingSet& set = block.working[static_cast<size_t>(kept)];
    if (kept == Kept::input) moment(set.recompute, set.redone_bytes, gathered(block));
    if (kept == Kept::no_core) moment(set.recompute, set.redone_bytes, 0);
    const double weights = block.reads_weights_backward ? gathered(block) : 0;
    moment(set.backward, set.redone_bytes, weights + whole_gradients(block));
  }

  double gathered(const BlockCost& block) const {
    if (layout_.zero_stage < 3) return 0;
    return block.all_parameters * static_cast<double>(bytes_per_element(scenario_.precision));
  }

  double whole_gradients(const BlockCost& block) const {
    return layout_.zero_stage >= 2 ? block.all_parameters * state_sizes(scenario_).gradient : 0;
  }

  void moment(double working, double redone, double buffers) {
    MemoryUse use = alive_;
    use[temporary] = working;
    use[recompute] = redone;
    use[communication_buffers] = buffers;
    if (use.total() > peak_.total()) peak_ = use;
  }

  const Scenario& scenario_;
  const ModelCost& model_;
  const Layout& layout_;
  const StageMemoryInput& stage_;
  double logits_ = 0;
  MemoryUse alive_, peak_;
};

}  // namespace

MemoryUse replayed_peak(const Scenario& scenario, const ModelCost& model, const Layout& layout,
                        const StageMemoryInput& stage) {
  return MemoryReplay(scenario, model, layout, stage).peak();
}

}  // namespace paraplan
