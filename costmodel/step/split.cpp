#include "costmodel/step/split.h"

#include <algorithm>
#include <numeric>

#include "costmodel/ops/blocks.h"

namespace paraplan {
namespace {

// Layers per part; `ends`: how many layers embedding and head count for, each.
std::vector<int64_t> even_layers(int64_t model_layers, int64_t parts, int64_t ends) {
  const int64_t layers = model_layers + 2 * ends;
  std::vector<int64_t> counts(static_cast<size_t>(parts), layers / parts);
  const int64_t remainder = layers % parts;
  const int64_t first = (parts - remainder) / 2;
  for (int64_t i = 0; i < remainder; ++i) ++counts[static_cast<size_t>(first + i)];
  counts.front() -= ends;
  counts.back() -= ends;
  return counts;
}

// Layers per part when no part may hold more than `limit` parameters, filling from the front; empty when the
// layers do not fit. `layers`: parameters of each. Every part keeps at least one layer.
std::vector<int64_t> fill_parts(const std::vector<double>& layers, double embedding, double head,
                                int64_t parts, double limit) {
  std::vector<int64_t> counts;
  size_t next = 0;
  for (int64_t i = 0; i < parts; ++i) {
    double held = (i == 0 ? embedding : 0) + (i + 1 == parts ? head : 0);
    const size_t end = layers.size() - static_cast<size_t>(parts - 1 - i), first = next;
    while (next < end && (next == first || held + layers[next] <= limit)) held += layers[next++];
    counts.push_back(static_cast<int64_t>(next - first));
  }
  if (next < layers.size()) counts.clear();
  return counts;
}

std::vector<int64_t> layers_by_parameters(const ModelSpec& model, int64_t parts) {
  const ModelBlocks blocks = model_blocks(model, {}, {}, true);
  const double embedding = blocks[BlockName::embedding].parameters(),
               head = blocks[BlockName::head].parameters();
  std::vector<double> layers;
  for (const LayerRun& run : model.runs)
    layers.insert(layers.end(), static_cast<size_t>(run.count), blocks[layer_block(run.kind)].parameters());
  double low = 0, high = std::accumulate(layers.begin(), layers.end(), embedding + head);
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (fill_parts(layers, embedding, head, parts, middle).empty() ? low : high) = middle;
  }
  return fill_parts(layers, embedding, head, parts, high);
}

std::vector<int64_t> layers_of_parts(const ModelSpec& model, const Layout& layout, StageBalance balance) {
  if (!layout.stage_layers.empty()) return layout.stage_layers;
  const int64_t parts = layout.pipeline * layout.virtual_stages;
  if (balance == StageBalance::parameters && parts > 1 && layout.virtual_stages == 1)
    return layers_by_parameters(model, parts);
  return even_layers(model.layers(), parts, balance == StageBalance::layers_and_ends ? 1 : 0);
}

// Of a virtual stage's layers, those whose forward pass is redone from their input.
int64_t recomputed_layers(const Layout& layout, int64_t layers) {
  if (layout.recompute == Recompute::full) return layers;
  if (layout.recompute != Recompute::layers) return 0;
  return std::min((layout.recompute_layers + layout.virtual_stages - 1) / layout.virtual_stages, layers);
}

// Takes layers from the front of the model's runs, one after the other.
class LayerSource {
 public:
  explicit LayerSource(const ModelSpec& model) : left_(model.runs) {}

  // The next `layers`, of which the first `redone` are recomputed from their input.
  std::vector<Segment> take(int64_t layers, int64_t redone, Kept kept) {
    std::vector<Segment> segments;
    for (const auto& [count, how] : {std::pair{redone, Kept::input}, std::pair{layers - redone, kept}}) {
      for (int64_t wanted = count; wanted > 0;) {
        LayerRun& run = left_[next_];
        const int64_t taken = std::min(wanted, run.count);
        segments.push_back({layer_block(run.kind), how, taken});
        wanted -= taken;
        run.count -= taken;
        if (run.count == 0) ++next_;
      }
    }
    return segments;
  }

 private:
  std::vector<LayerRun> left_;
  size_t next_ = 0;
};

// The first and the last stage hold embedding and head and so are of kinds of their own.
void find_kinds(ModelSplit& split) {
  for (int64_t stage = 0; stage < split.pipeline; ++stage) {
    bool same = stage > 0;
    split.for_stage(stage, [&](size_t i) { same = same && split.chunk_of[i] == split.chunk_of[i - 1]; });
    if (!same) split.kinds.push_back(stage);
    split.kind_of.push_back(static_cast<int32_t>(split.kinds.size()) - 1);
  }
}

}  // namespace

int64_t Chunk::layers() const {
  int64_t sum = 0;
  for (const Segment& s : segments) sum += is_layer(s.block) ? s.repeats : 0;
  return sum;
}

StateCount ModelSplit::state(int64_t stage, const ByBlock<StateCount>& blocks) const {
  StateCount sum;
  for_stage(stage, [&](size_t i) {
    for (const Segment& s : at(i).segments) sum.add(blocks[s.block], static_cast<double>(s.repeats));
  });
  return sum;
}

ModelSplit split_model(const ModelSpec& model, const Layout& layout, StageBalance balance) {
  const std::vector<int64_t> counts = layers_of_parts(model, layout, balance);
  const Kept kept = layout.recompute == Recompute::selective ? Kept::no_core : Kept::all;
  LayerSource layers(model);
  ModelSplit split;
  split.pipeline = layout.pipeline;
  for (size_t i = 0; i < counts.size(); ++i) {
    Chunk chunk{layers.take(counts[i], recomputed_layers(layout, counts[i]), kept)};
    if (i == 0) chunk.segments.insert(chunk.segments.begin(), {.block = BlockName::embedding});
    if (i + 1 == counts.size()) chunk.segments.push_back({.block = BlockName::head});
    if (i == 0 || chunk != split.chunks.back()) split.chunks.push_back(std::move(chunk));
    split.chunk_of.push_back(static_cast<int32_t>(split.chunks.size()) - 1);
  }
  find_kinds(split);
  return split;
}

}  // namespace paraplan
