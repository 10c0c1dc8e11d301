#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace paraplan {

// Legend of the symbols used for shapes everywhere:
//   B micro-batch   T tokens of a sample on this device (sequence / context)   C hidden   H heads
//   G kv heads      F ffn width      V vocabulary      L layers
//   d data   m tensor   p pipeline   v virtual stages   mb micro-batches per step
// A tensor carries its local shape in a comment, e.g. (B, T/m, C).

enum class NormKind {
  layer,  // LayerNorm, with a shift
  rms,    // RMSNorm
};

enum class Positions {
  learned,  // a table, added to the word embeddings
  rotary,   // queries and keys turn by their position (Su et al. 2021)
};

enum class Activation {
  gelu,
  swiglu,  // gated: two matrices up (Shazeer 2020)
};

enum class TrainingTask {
  next_token,
  masked_tokens,  // and which sentence follows: segments, pooler and heads of BERT (Devlin et al. 2019)
};

struct Attention {
  int64_t heads = 0;
  int64_t kv_heads = 0;    // = heads but for grouped-query attention
  int64_t head_width = 0;  // w
  bool qkv_bias = false;
  bool causal = true;  // half of the scores are masked
  bool operator==(const Attention&) const = default;
};

struct FeedForward {
  int64_t width = 0;  // of one of the two halves where gated
  Activation activation = Activation::gelu;
  bool gated() const { return activation == Activation::swiglu; }
  bool operator==(const FeedForward&) const = default;
};

// What tells layers of a model apart. Norms stand before attention and feed-forward block.
struct LayerKind {
  Attention attention;
  FeedForward feed_forward;
  NormKind norm = NormKind::layer;
  bool biases = true;  // of both projections out of and into the residual stream
  bool operator==(const LayerKind&) const = default;
};

// Layers of one kind in a row.
struct LayerRun {
  size_t kind = 0;  // place in ModelSpec::kinds
  int64_t count = 0;
  bool operator==(const LayerRun&) const = default;
};

// A transformer. Sizes are global (unsharded) and positive.
struct ModelSpec {
  std::string name;
  std::vector<LayerKind> kinds;
  std::vector<LayerRun> runs;  // in model order
  int64_t hidden = 0;
  int64_t vocab = 0;  // before padding
  Positions positions = Positions::learned;
  int64_t max_positions = 0;  // learned position embeddings; 0: as many as the sequence is long
  NormKind final_norm = NormKind::layer;
  TrainingTask task = TrainingTask::next_token;
  bool tied_embeddings = true;
  double dropout = 0.0;

  int64_t layers() const;
  // The same model with another number of layers; only a model with one run has one for every number.
  void resize(int64_t layers) { runs = {{runs.front().kind, layers}}; }
  bool causal() const;  // all layers
  int64_t widest_ffn() const;
  bool operator==(const ModelSpec&) const = default;
};

// Vocabulary padded to a multiple of 128 * tensor, as Megatron-LM pads it (Shoeybi et al. 2019, section 3).
int64_t padded_vocab(const ModelSpec& model, int64_t tensor);

}  // namespace paraplan
