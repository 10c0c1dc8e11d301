#include "costmodel/memory/memory_replay.h"

#include <ranges>

#include "costmodel/memory/block_memory.h"
#include "costmodel/ops/blocks.h"
#include "costmodel/step/pipeline_schedule.h"

namespace paraplan {
namespace {

using enum MemoryCategory;

class MemoryReplay {
 public:
  MemoryReplay(const Scenario& scenario, const Layout& layout)
      : software_(scenario.software), blocks_(model_blocks(scenario, layout)) {
    for (const Block& block : blocks_.values) events_.values.emplace_back(scenario, layout, block);
  }

  void forward(const Chunk& chunk) {
    for (const Segment& s : chunk.segments)
      for (int64_t i = 0; i < s.repeats; ++i) add_use(events(s).kept_by_pass(s.kept), 1);
    const Block &first = block(chunk.segments.front()), &last = block(chunk.segments.back());
    if (!by_pass()) add({activations, bytes(first, first.input)});
    for (const Segment& s : chunk.segments)
      for (int64_t i = 0; i < s.repeats; ++i) add(events(s).forward(s.kept));
    if (!by_pass() && !keeps_sent()) add({activations, -bytes(last, last.output)});
  }

  void backward(const Chunk& chunk, Pass pass) {
    const Block &first = block(chunk.segments.front()), &last = block(chunk.segments.back());
    const bool data = pass != Pass::weight;
    if (data) add({temporary, bytes(last, last.output)});
    for (const Segment& s : chunk.segments | std::views::reverse)
      for (int64_t i = 0; i < s.repeats; ++i) add(events(s).backward(s.kept, pass));
    if (data) add({temporary, -bytes(first, first.input)});
    if (data && !by_pass() && keeps_sent()) add({activations, -bytes(last, last.output)});
    if (pass == Pass::data) return;
    for (const Segment& s : chunk.segments)
      for (int64_t i = 0; i < s.repeats; ++i) add_use(events(s).kept_by_pass(s.kept), -1);
  }

  const MemoryUse& alive() const { return alive_; }
  const MemoryUse& peak() const { return peak_; }

 private:
  bool by_pass() const { return software_.memory.frees_saved == FreesSaved::pass; }
  bool keeps_sent() const { return software_.communication.keeps_sent_activations; }
  const Block& block(const Segment& s) const { return blocks_[s.block]; }
  const BlockEvents& events(const Segment& s) const { return events_[s.block]; }
  static double bytes(const Block& block, TensorId t) {
    return t < 0 ? 0 : bytes_of(block, {Operand::Kind::value, t});
  }

  void add(const MemoryEvent& event) {
    alive_[event.category] += event.bytes;
    if (alive_.total() > peak_.total()) peak_ = alive_;
  }
  void add(const std::vector<MemoryEvent>& events) {
    for (const MemoryEvent& event : events) add(event);
  }
  void add_use(const MemoryUse& use, double sign) {
    for (int i = 0; i < kMemoryCategories; ++i)
      add({static_cast<MemoryCategory>(i), sign * use.values[static_cast<size_t>(i)]});
  }

  const SoftwareProfile& software_;
  ModelBlocks blocks_;
  ByBlock<BlockEvents> events_;
  MemoryUse alive_, peak_;
};

}  // namespace

MemoryUse replayed_peak(const Scenario& scenario, const Layout& layout, const ModelSplit& split,
                        int64_t stage, int64_t micro_batches) {
  MemoryReplay replay(scenario, layout);
  for (const PipelineStep& step :
       stage_schedule(layout.schedule, layout.pipeline, stage, micro_batches, layout.virtual_stages)) {
    const Chunk& chunk = split.at(static_cast<size_t>(step.chunk * layout.pipeline + stage));
    if (step.pass == Pass::forward) {
      replay.forward(chunk);
    } else {
      replay.backward(chunk, step.pass);
    }
  }
  return replay.peak();
}

}  // namespace paraplan
