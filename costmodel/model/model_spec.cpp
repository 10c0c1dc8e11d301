#include "costmodel/model/model_spec.h"

#include <algorithm>
#include <cmath>

namespace paraplan {

double visible_pairs(const Attention& a, double tokens) {
  if (!a.causal) return tokens * tokens;
  const double window = a.window > 0 ? std::min(tokens, static_cast<double>(a.window)) : tokens;
  if (a.chunk == 0) return window * tokens - window * window / 2;
  const double chunk = std::min(tokens, static_cast<double>(a.chunk)), chunks = std::floor(tokens / chunk);
  const double rest = tokens - chunks * chunk;
  return (chunks * chunk * chunk + rest * rest) / 2;
}

int64_t ModelSpec::layers() const {
  int64_t sum = 0;
  for (const LayerRun& run : runs) sum += run.count;
  return sum;
}

void ModelSpec::set_layers(const std::vector<LayerKind>& all) {
  kinds.clear(), runs.clear();
  for (const LayerKind& layer : all) {
    const auto found = std::ranges::find(kinds, layer);
    const auto kind = static_cast<size_t>(found - kinds.begin());
    if (found == kinds.end()) kinds.push_back(layer);
    if (runs.empty() || runs.back().kind != kind) runs.push_back({kind, 0});
    ++runs.back().count;
  }
}

bool ModelSpec::causal() const {
  return std::ranges::all_of(kinds, [](const LayerKind& kind) { return kind.attention.causal; });
}

int64_t ModelSpec::widest_ffn() const {
  int64_t widest = 0;
  for (const LayerKind& kind : kinds) widest = std::max(widest, kind.feed_forward.width);
  return widest;
}

int64_t padded_vocab(const ModelSpec& model, int64_t tensor) {
  const int64_t multiple = 128 * tensor;
  return (model.vocab + multiple - 1) / multiple * multiple;
}

}  // namespace paraplan
