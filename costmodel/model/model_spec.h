#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace paraplan {

// Legend of the symbols used for shapes everywhere:
//   B micro-batch   T tokens of a sample on this device (sequence / context)   C hidden   H heads
//   G kv heads      F ffn width      V vocabulary      L layers
//   d data   m tensor   p pipeline   v virtual stages   mb micro-batches per step
// A tensor carries its local shape in a comment, e.g. (B, T/m, C).

enum class NormKind {
  none,
  layer,  // LayerNorm, with a shift
  rms,    // RMSNorm
};
const char* to_string(NormKind);

// Where the norms of a layer stand.
enum class NormPlace {
  before,          // of each branch's input (pre-norm; Xiong et al. 2020)
  after,           // of each branch's output, before it is added (OLMo 2)
  both,            // of input and output (Gemma 2)
  after_residual,  // of the sum of branch and residual (post-norm; Vaswani et al. 2017)
};
const char* to_string(NormPlace);

// How attention and feed-forward block of a layer follow each other.
enum class Branches {
  sequential,
  parallel,  // both read the layer's input, each behind a norm of its own (GPT-NeoX, Black et al. 2022)
  parallel_one_norm,  // both read the same normed input (GPT-J; Falcon, Almazrouei et al. 2023)
};
const char* to_string(Branches);

enum class Positions {
  none,
  learned,  // a table, added to the word embeddings
  rotary,   // queries and keys turn by their position (Su et al. 2021)
  alibi,    // scores fall with the distance of query and key (Press et al. 2022)
};
const char* to_string(Positions);

enum class Activation {
  gelu,  // in any of its approximations
  relu,
  swiglu,  // gated: two matrices up (Shazeer 2020)
  geglu,   // the same with GELU
};
const char* to_string(Activation);

enum class TrainingTask {
  next_token,
  masked_tokens,  // and which sentence follows: segments, pooler and heads of BERT (Devlin et al. 2019)
};
const char* to_string(TrainingTask);

// RMSNorm of queries and keys, before they turn.
enum class QueryKeyNorm {
  none,
  head,           // of each head's columns, with a gain that the heads share (Qwen 3)
  projection,     // of all heads together, with a gain per column (OLMo 2)
  head_unscaled,  // of each head's columns, without a gain (Llama 4)
};
const char* to_string(QueryKeyNorm);

// Multi-head latent attention (DeepSeek-AI 2024, DeepSeek-V2, section 2.1): queries, keys and values are made
// from normed latent vectors; a part of each key, which all heads share, carries the position.
struct LatentAttention {
  int64_t query_rank = 0;  // width of the queries' latent vector; 0: queries come from the hidden state
  int64_t kv_rank = 0;     // of keys and values; 0: no latent attention
  int64_t rope_width = 0;  // columns of a head's query and key that turn; they are the last of head_width
  bool operator==(const LatentAttention&) const = default;
};

// Multi-head attention; grouped-query (GQA) where kv_heads < heads, multi-query (MQA) where kv_heads = 1.
struct Attention {
  int64_t heads = 0;
  int64_t kv_heads = 0;     // = heads but for grouped-query attention
  int64_t head_width = 0;   // w, of queries and keys
  int64_t value_width = 0;  // of a head's values; 0: head_width
  LatentAttention latent = {};
  bool qkv_bias = false;     // of the projections into heads (or into latent vectors)
  bool output_bias = false;  // of the projection back
  double rotary_share =
      1;                // share of a head's columns that turn with rotary positions; 0: no positions (NoPE)
  int64_t window = 0;   // a query sees this many keys, itself included; 0: all (Beltagy et al. 2020)
  int64_t chunk = 0;    // the sample is cut into chunks of so many tokens that do not see each other; 0: not
  double soft_cap = 0;  // scores pass cap * tanh(score / cap) (Gemma 2); 0: they do not
  QueryKeyNorm query_key_norm = QueryKeyNorm::none;
  bool sinks = false;  // one learned logit per head takes part in the softmax (gpt-oss)
  bool causal = true;  // half of the scores are masked
  int64_t values() const { return value_width > 0 ? value_width : head_width; }
  bool operator==(const Attention&) const = default;
};

// Pairs of a query and a key that it sees in a sample of `tokens`: all tokens^2, about half of them in a
// causal sample, fewer with a window or chunks.
double visible_pairs(const Attention& attention, double tokens);

// How a router's logits become weights of experts.
enum class RouterScore { softmax, sigmoid };
const char* to_string(RouterScore);

// A mixture of experts in place of a feed-forward block (Shazeer et al. 2017). Each token goes to `top_k` of
// `count` experts, and through the shared experts. The width of one expert is FeedForward::width.
struct Experts {
  int64_t count = 0;         // 0: no mixture, one feed-forward block for all tokens
  int64_t top_k = 0;         // at most count
  int64_t shared_width = 0;  // of all shared experts together; 0: there are none
  bool shared_gate = false;  // a sigmoid of the token scales the shared experts' output (Qwen 2 MoE)
  RouterScore score = RouterScore::softmax;
  bool router_bias = false;     // trained with the router's matrix
  bool balancing_bias = false;  // added to choose experts, moved by their load, not trained (DeepSeek-V3)
  int64_t groups = 1;           // experts lie in groups,
  int64_t top_groups = 1;       // of which a token may use this many
  bool operator==(const Experts&) const = default;
};

struct FeedForward {
  int64_t width = 0;  // of one of the two halves where gated; of one expert
  Activation activation = Activation::gelu;
  bool bias = false;  // of the projections out of and into the residual stream
  Experts experts = {};
  bool gated() const { return activation == Activation::swiglu || activation == Activation::geglu; }
  bool operator==(const FeedForward&) const = default;
};

// What tells layers of a model apart.
struct LayerKind {
  std::string name = {};  // for messages; empty: the model has one kind
  Attention attention = {};
  FeedForward feed_forward = {};
  NormKind norm = NormKind::layer;
  NormPlace norm_place = NormPlace::before;
  Branches branches = Branches::sequential;
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
  NormKind embedding_norm = NormKind::none;  // of the embeddings' sum (BLOOM; BERT)
  NormKind final_norm = NormKind::layer;
  TrainingTask task = TrainingTask::next_token;
  bool tied_embeddings = true;
  double logit_soft_cap = 0;  // logits pass cap * tanh(logit / cap) (Gemma 2); 0: they do not
  // Layers that predict tokens further ahead, each behind a projection of hidden state and embedding, with
  // the word embedding and the output projection of the model (DeepSeek-V3, section 2.2). They are of the
  // last layer's kind.
  int64_t prediction_layers = 0;
  double dropout = 0.0;                          // of the embeddings, and of each branch's output
  std::optional<double> attention_dropout = {};  // of attention's probabilities; empty: as `dropout`

  int64_t layers() const;
  // The same model with another number of layers; only a model with one run has one for every number.
  void resize(int64_t layers) { runs = {{runs.front().kind, layers}}; }
  // One kind for each layer, in model order; equal ones become one. At most kMostLayerKinds may differ.
  void set_layers(const std::vector<LayerKind>& layers);
  bool causal() const;  // all layers
  double attention_drop() const { return attention_dropout.value_or(dropout); }
  int64_t widest_ffn() const;
  bool operator==(const ModelSpec&) const = default;
};

// Vocabulary padded to a multiple of 128 * tensor, as Megatron-LM pads it (Shoeybi et al. 2019, section 3).
int64_t padded_vocab(const ModelSpec& model, int64_t tensor);

}  // namespace paraplan
