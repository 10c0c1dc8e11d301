#pragma once

#include <cstdint>
#include <string>

namespace paraplan {

// Legend of the symbols used for shapes everywhere:
//   B micro-batch   T tokens of a sample on this device (sequence / context)   C hidden   H heads
//   G kv heads      F ffn width      V vocabulary      L layers
//   d data   m tensor   p pipeline   v virtual stages   mb micro-batches per step
// A tensor carries its local shape in a comment, e.g. (B, T/m, C).

enum class Family {
  gpt,    // LayerNorm, GELU, learned positions, causal attention
  bert,   // LayerNorm, GELU, learned positions, segment embeddings, pooler, masked-LM and next-sentence heads
  llama,  // RMSNorm, rotary positions, grouped-query attention, gated ffn, no biases
};

// A transformer. Sizes are global (unsharded) and positive.
struct ModelSpec {
  std::string name;
  Family family = Family::gpt;
  int64_t layers = 0;
  int64_t hidden = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;       // = heads but for grouped-query attention
  int64_t ffn = 0;            // width of the feed-forward block (one of the two gated halves for llama)
  int64_t vocab = 0;          // before padding
  int64_t max_positions = 0;  // learned position embeddings; 0: as many as the sequence is long
  bool tied_embeddings = true;
  bool qkv_bias = false;  // llama family only (Qwen); gpt and bert always have biases
  double dropout = 0.0;

  int64_t head_width() const { return hidden / heads; }
  bool causal() const { return family != Family::bert; }  // half of the attention scores are masked
  bool operator==(const ModelSpec&) const = default;
};

// Vocabulary padded to a multiple of 128 * tensor, as Megatron-LM pads it (Shoeybi et al. 2019, section 3).
int64_t padded_vocab(const ModelSpec& model, int64_t tensor);

}  // namespace paraplan
