#include "costmodel/io/models/model_fault.h"

#include <fmt/format.h>

#include <algorithm>

#include "costmodel/io/text/text.h"

namespace paraplan {
namespace {

ModelFault attention_fault(const Attention& a) {
  if (a.heads % a.kv_heads != 0)
    return {"attention.kv_heads", fmt::format("must divide heads = {}, is {}", a.heads, a.kv_heads)};
  if (a.window > 0 && a.chunk > 0)
    return {"attention.chunk", "an attention with a window has no chunks; give one of the two"};
  if (!a.causal && (a.window > 0 || a.chunk > 0))
    return {"attention.causal", "must be true where a window or chunks limit the keys of a query"};
  const LatentAttention& latent = a.latent;
  if (latent.kv_rank == 0 && latent.query_rank > 0)
    return {"attention.query_rank", "belongs to latent attention; give kv_rank, too"};
  if (latent.kv_rank == 0 && latent.rope_width > 0)
    return {"attention.rope_width", "belongs to latent attention; give kv_rank, too"};
  if (latent.rope_width > a.head_width)
    return {"attention.rope_width", fmt::format("is a part of head_width = {}, so at most that; is {}",
                                                a.head_width, latent.rope_width)};
  if (latent.kv_rank > 0 && a.kv_heads != a.heads)
    return {"attention.kv_heads",
            fmt::format("must be heads = {} with latent attention, is {}", a.heads, a.kv_heads)};
  return {};
}

ModelFault experts_fault(const Experts& x) {
  if (x.count == 0)
    return x == Experts{} ? ModelFault{}
                          : ModelFault{"experts.count", "missing; the other keys of experts need it"};
  if (x.top_k < 1 || x.top_k > x.count)
    return {"experts.top_k", fmt::format("must be from 1 to count = {}, is {}", x.count, x.top_k)};
  if (x.count % x.groups != 0)
    return {"experts.groups", fmt::format("must divide count = {}, is {}", x.count, x.groups)};
  if (x.top_groups > x.groups || x.top_groups * (x.count / x.groups) < x.top_k)
    return {
        "experts.top_groups",
        fmt::format("must be at most groups = {}, of whose {} experts each it must hold top_k = {}; is {}",
                    x.groups, x.count / x.groups, x.top_k, x.top_groups)};
  if (x.shared_gate && x.shared_width == 0)
    return {"experts.shared_gate", "needs shared experts; give shared_width, too"};
  return {};
}

// The weights of all layers and of the embedding must be countable exactly.
ModelFault layer_size_fault(const ModelSpec& model, const LayerKind& kind) {
  const auto too_large = [](const char* key, const char* weights) {
    return ModelFault{key, fmt::format("the model is too large: {} must be at most 2^53", weights)};
  };
  constexpr int64_t kMatrices = 4;  // q, k, v, projection; up, gate and down are fewer
  const Attention& a = kind.attention;
  const FeedForward& f = kind.feed_forward;
  const int64_t layers = model.layers(), experts = std::max<int64_t>(1, f.experts.count);
  if (!checked_product({kMatrices, layers, model.hidden, a.heads, std::max(a.head_width, a.values())}))
    return too_large("attention.head_width", "4 layers hidden heads head_width");
  if (a.latent.kv_rank > 0 &&
      !checked_product({kMatrices, layers, std::max(a.latent.kv_rank, a.latent.query_rank), a.heads,
                        std::max(model.hidden, a.head_width + a.values())}))
    return too_large("attention.kv_rank", "4 layers rank heads head_width");
  if (!checked_product({kMatrices, layers, experts, model.hidden, std::max(f.width, f.experts.shared_width)}))
    return too_large("feed_forward.width", "4 layers experts hidden width");
  return {};
}

ModelFault ends_fault(const ModelSpec& model) {
  if (!checked_product({model.vocab, model.hidden}))
    return {"vocab", "the model is too large: vocab hidden must be at most 2^53"};
  if (model.max_positions > 0 && !checked_product({model.max_positions, model.hidden}))
    return {"max_positions", "the model is too large: max_positions hidden must be at most 2^53"};
  if (model.prediction_layers > 0 && model.task != TrainingTask::next_token)
    return {"prediction_layers", "needs task \"next_token\""};
  return {};
}

}  // namespace

ModelFault find_fault(const ModelSpec& model) {
  for (size_t i = 0; i < model.kinds.size(); ++i) {
    const LayerKind& kind = model.kinds[i];
    for (ModelFault fault : {attention_fault(kind.attention), experts_fault(kind.feed_forward.experts),
                             layer_size_fault(model, kind)}) {
      fault.kind = i, fault.in_layer = true;
      if (!fault.key.empty()) return fault;
    }
  }
  return ends_fault(model);
}

}  // namespace paraplan
