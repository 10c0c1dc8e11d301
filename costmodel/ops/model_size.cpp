#include "costmodel/ops/model_size.h"

#include <cmath>

#include "costmodel/ops/blocks.h"

namespace paraplan {

int64_t parameter_count(const ModelSpec& model, int64_t seq_length) {
  const ModelBlocks blocks = model_blocks(model, {}, {.seq_length = seq_length}, false);
  double total = 0;
  for (size_t i = 0; i < blocks.size(); ++i)
    total += blocks.values[i].parameters() * static_cast<double>(block_count(model, blocks.name(i)));
  const auto padding = static_cast<double>(padded_vocab(model, 1) - model.vocab);
  const double tables = model.tied_embeddings ? 1 : 2;
  const double biases = model.task == TrainingTask::masked_tokens ? 1 : 0;
  return std::llround(total - padding * (tables * static_cast<double>(model.hidden) + biases));
}

double model_flop_per_sample(const ModelSpec& model, int64_t seq_length, AttentionCount count) {
  // 3 passes (forward, two gradients) x 2 FLOPs per multiply-add; the output projection included, as
  // Megatron-LM reports it (Narayanan et al. 2021, equation 3).
  const auto c = static_cast<double>(model.hidden), tokens = static_cast<double>(seq_length);
  double sum = c * static_cast<double>(model.vocab);
  for (const LayerRun& run : model.runs) {
    const LayerKind& kind = model.kinds[run.kind];
    const Attention& a = kind.attention;
    const bool half = count == AttentionCount::unmasked && a.causal;
    const auto queries = static_cast<double>(a.heads * a.head_width),
               kv = static_cast<double>(a.kv_heads * a.head_width),
               width = static_cast<double>(kind.feed_forward.width);
    const double matrices = kind.feed_forward.gated() ? 3 : 2;
    const double layer =
        2 * c * queries + 2 * c * kv + matrices * c * width + (half ? 1 : 2) * tokens * queries;
    sum += static_cast<double>(run.count) * layer;
  }
  return 6 * tokens * sum;
}

}  // namespace paraplan
