#include "costmodel/ops/model_size.h"

#include <cmath>

#include "costmodel/ops/blocks.h"

namespace paraplan {

namespace {

double used_parameters(const Block& block) {
  double sum = 0;
  for (const Weight& w : block.weights) sum += w.owned ? w.elements * w.used_share : 0;
  return sum;
}

double all_parameters(const Block& block) {
  return block.parameters();
}

int64_t sum_over_blocks(const ModelSpec& model, int64_t seq_length, double (*of)(const Block&)) {
  const ModelBlocks blocks = model_blocks(model, {}, {.seq_length = seq_length}, false);
  double total = 0;
  for (size_t i = 0; i < blocks.size(); ++i)
    total += of(blocks.values[i]) * static_cast<double>(block_count(model, blocks.name(i)));
  const auto padding = static_cast<double>(padded_vocab(model, 1) - model.vocab);
  const double tables = model.tied_embeddings ? 1 : 2;
  const double biases = model.task == TrainingTask::masked_tokens ? 1 : 0;
  return std::llround(total - padding * (tables * static_cast<double>(model.hidden) + biases));
}

// Elements of the matrices that a token passes in attention.
double attention_matrices(const Attention& a, double hidden) {
  const auto heads = static_cast<double>(a.heads), width = static_cast<double>(a.head_width),
             values = static_cast<double>(a.values()), kv_heads = static_cast<double>(a.kv_heads);
  if (a.latent.kv_rank == 0) return hidden * (heads * (width + values) + kv_heads * (width + values));
  const auto query_rank = static_cast<double>(a.latent.query_rank),
             rank = static_cast<double>(a.latent.kv_rank), rope = static_cast<double>(a.latent.rope_width);
  const double queries = query_rank > 0 ? query_rank * (hidden + heads * width) : hidden * heads * width;
  return queries + hidden * (rank + rope) + rank * heads * (width - rope + values) + heads * values * hidden;
}

// The same of a feed-forward block, experts' matrices as often as a token passes one.
double feed_forward_matrices(const FeedForward& f, double hidden) {
  const double matrices = f.gated() ? 3 : 2, width = static_cast<double>(f.width);
  const Experts& x = f.experts;
  if (x.count == 0) return matrices * hidden * width;
  return hidden * (matrices * (static_cast<double>(x.top_k) * width + static_cast<double>(x.shared_width)) +
                   static_cast<double>(x.count) + (x.shared_gate ? 1 : 0));
}

}  // namespace

int64_t parameter_count(const ModelSpec& model, int64_t seq_length) {
  return sum_over_blocks(model, seq_length, all_parameters);
}

int64_t active_parameter_count(const ModelSpec& model, int64_t seq_length) {
  return sum_over_blocks(model, seq_length, used_parameters);
}

double model_flop_per_sample(const ModelSpec& model, int64_t seq_length, AttentionCount count) {
  // 3 passes (forward, two gradients) x 2 FLOPs per multiply-add; the output projection included, as
  // Megatron-LM reports it (Narayanan et al. 2021, equation 3).
  const auto c = static_cast<double>(model.hidden), tokens = static_cast<double>(seq_length);
  double sum = c * static_cast<double>(model.vocab);
  for (const LayerRun& run : model.runs) {
    const LayerKind& kind = model.kinds[run.kind];
    const Attention& a = kind.attention;
    const double pairs = count == AttentionCount::unmasked ? visible_pairs(a, tokens) : tokens * tokens;
    const double core = static_cast<double>(a.heads * (a.head_width + a.values())) * pairs / tokens;
    const double layer = attention_matrices(a, c) + feed_forward_matrices(kind.feed_forward, c) + core;
    sum += static_cast<double>(run.count) * layer;
  }
  return 6 * tokens * sum;
}

}  // namespace paraplan
