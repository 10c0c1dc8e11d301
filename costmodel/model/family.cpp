#include "costmodel/model/family.h"

namespace paraplan {

ModelSpec model_of(const FamilySizes& sizes) {
  const bool llama = sizes.family == Family::llama, bert = sizes.family == Family::bert;
  LayerKind layer;
  layer.attention = {.heads = sizes.heads,
                     .kv_heads = sizes.kv_heads > 0 ? sizes.kv_heads : sizes.heads,
                     .head_width = sizes.head_width,
                     .qkv_bias = !llama || sizes.qkv_bias,
                     .output_bias = !llama,
                     .causal = !bert};
  if (sizes.head_width == 0 && sizes.heads > 0) layer.attention.head_width = sizes.hidden / sizes.heads;
  layer.feed_forward = {.width = sizes.ffn > 0 ? sizes.ffn : 4 * sizes.hidden,
                        .activation = llama ? Activation::swiglu : Activation::gelu,
                        .bias = !llama};
  layer.norm = llama ? NormKind::rms : NormKind::layer;
  return {.name = sizes.name,
          .kinds = {layer},
          .runs = {{0, sizes.layers}},
          .hidden = sizes.hidden,
          .vocab = sizes.vocab,
          .positions = llama ? Positions::rotary : Positions::learned,
          .max_positions = sizes.max_positions,
          .final_norm = layer.norm,
          .task = bert ? TrainingTask::masked_tokens : TrainingTask::next_token,
          .tied_embeddings = sizes.tied_embeddings,
          .dropout = sizes.dropout};
}

}  // namespace paraplan
