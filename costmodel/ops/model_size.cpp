#include "costmodel/ops/model_size.h"

#include <cmath>

#include "costmodel/ops/blocks.h"

namespace paraplan {

int64_t parameter_count(const ModelSpec& model, int64_t seq_length) {
  const Fusion fusion;
  const BlockShape shape{.seq_length = seq_length};
  const double layers = static_cast<double>(model.layers);
  const double total = embedding_block(model, fusion, shape).parameters() +
                       layers * transformer_layer(model, fusion, shape).parameters() +
                       head_block(model, fusion, shape, false).parameters();
  const auto padding = static_cast<double>(padded_vocab(model, 1) - model.vocab);
  const double tables = model.tied_embeddings ? 1 : 2;
  const double biases = model.family == Family::bert ? 1 : 0;
  return std::llround(total - padding * (tables * static_cast<double>(model.hidden) + biases));
}

double model_flop_per_sample(const ModelSpec& model, int64_t seq_length, AttentionCount count) {
  // 3 passes (forward, two gradients) x 2 FLOPs per multiply-add; the output projection included, as
  // Megatron-LM reports it (Narayanan et al. 2021, equation 3).
  const bool half = count == AttentionCount::unmasked && model.causal();
  const auto c = static_cast<double>(model.hidden), tokens = static_cast<double>(seq_length);
  const auto kv = static_cast<double>(model.kv_heads * model.head_width()),
             f = static_cast<double>(model.ffn);
  const double matrices = model.family == Family::llama ? 3 : 2;
  const double attention = (half ? 1 : 2) * tokens * c;
  const double layer = 2 * c * c + 2 * c * kv + matrices * c * f + attention;
  const double head = c * static_cast<double>(model.vocab);
  return 6 * tokens * (static_cast<double>(model.layers) * layer + head);
}

}  // namespace paraplan
