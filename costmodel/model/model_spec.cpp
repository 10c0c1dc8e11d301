#include "costmodel/model/model_spec.h"

#include <algorithm>

namespace paraplan {

int64_t ModelSpec::layers() const {
  int64_t sum = 0;
  for (const LayerRun& run : runs) sum += run.count;
  return sum;
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
