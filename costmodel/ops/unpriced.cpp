#include "costmodel/ops/unpriced.h"

#include <fmt/format.h>

namespace paraplan {
namespace {

// Empty: nothing.
std::string unpriced_layer(const LayerKind& kind, const Fusion& fusion) {
  const Attention& a = kind.attention;
  const FeedForward& f = kind.feed_forward;
  const bool parallel = kind.branches != Branches::sequential;
  const bool latent = a.latent.kv_rank > 0, mixture = f.experts.count > 0;
  if (parallel && kind.norm_place != NormPlace::before)
    return "parallel branches with norms other than before them (norm_place)";
  if (parallel && (latent || mixture)) return "parallel branches with latent attention or experts (branches)";
  const bool output_norm = kind.norm_place == NormPlace::after || kind.norm_place == NormPlace::both;
  if (output_norm && (a.output_bias || (f.bias && !mixture)))
    return "a bias in front of the norm of a branch's output (norm_place)";
  if (latent && a.query_key_norm != QueryKeyNorm::none)
    return "norms of queries and keys with latent attention (attention.query_key_norm)";
  if (f.bias && f.experts.shared_width > 0) return "biases of shared experts (feed_forward.bias)";
  if (a.sinks && !fusion.flash_attention) return "attention sinks without flash attention (attention.sinks)";
  return "";
}

}  // namespace

std::optional<std::string> unpriced(const ModelSpec& model, const Fusion& fusion) {
  if (model.prediction_layers > 0)
    return "layers for multi-token prediction cannot be priced yet; prediction_layers = 0 in a model file "
           "leaves "
           "them out";
  for (const LayerKind& kind : model.kinds) {
    const std::string what = unpriced_layer(kind, fusion);
    if (!what.empty())
      return fmt::format("{}{} cannot be priced yet",
                         kind.name.empty() ? "" : fmt::format("layer kind \"{}\": ", kind.name), what);
  }
  return std::nullopt;
}

}  // namespace paraplan
