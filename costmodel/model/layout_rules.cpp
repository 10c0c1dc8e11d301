#include "costmodel/model/layout_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace paraplan {
namespace {

using Rule = std::optional<Infeasible>;

Rule divides(int64_t whole, int64_t part, const char* rule, const char* whole_name, const char* part_name) {
  if (part > 0 && whole % part == 0) return std::nullopt;
  return Infeasible{rule, fmt::format("{} {} is not divisible by {} {}", whole_name, whole, part_name, part)};
}

Rule check_layer(const LayerKind& kind, const Layout& l) {
  const Attention& a = kind.attention;
  if (Rule r = divides(a.heads, l.tensor, "heads not divisible by tensor", "heads", "tensor")) return r;
  if (Rule r = divides(kind.feed_forward.width, l.tensor, "ffn not divisible by tensor", "ffn", "tensor"))
    return r;
  if (Rule r = divides(kind.feed_forward.experts.shared_width, l.tensor, "ffn not divisible by tensor",
                       "shared_width of experts", "tensor"))
    return r;
  if (a.query_key_norm == QueryKeyNorm::projection && l.tensor > 1)
    return Infeasible{"query_key_norm of whole projections needs tensor 1",
                      fmt::format("tensor is {}: a rank has a part of the heads alone", l.tensor)};
  if (a.kv_heads % l.tensor == 0 || l.tensor % a.kv_heads == 0) return std::nullopt;
  return Infeasible{
      "kv_heads and tensor do not divide each other",
      fmt::format("kv_heads {} and tensor {}: one must divide the other", a.kv_heads, l.tensor)};
}

Rule check_tensor(const Scenario& s, const Layout& l) {
  for (const LayerKind& kind : s.model.kinds)
    if (Rule r = check_layer(kind, l)) return r;
  if (l.sequence_parallel && l.tensor == 1)
    return Infeasible{"sequence_parallel needs tensor > 1",
                      "sequence_parallel shards over the tensor group; tensor is 1"};
  if (l.sequence_parallel)
    return divides(s.seq_length, l.tensor * l.context, "sequence not divisible by tensor * context",
                   "seq_length", "tensor * context");
  return divides(s.seq_length, l.context, "sequence not divisible by context", "seq_length", "context");
}

// For texts: sizes are free up to 2^40, so the product of two may pass what an integer holds.
double product(int64_t a, int64_t b) {
  return static_cast<double>(a) * static_cast<double>(b);
}

Rule check_batch(const Scenario& s, const Layout& l) {
  const bool positive = l.data > 0 && l.micro_batch > 0;
  if (positive && s.global_batch % l.data == 0 && s.global_batch / l.data % l.micro_batch == 0)
    return std::nullopt;
  return Infeasible{"global_batch not divisible by data * micro_batch",
                    fmt::format("global_batch {} is not divisible by data * micro_batch {:.0f}",
                                s.global_batch, product(l.data, l.micro_batch))};
}

Rule check_stage_layers(const Scenario& s, const Layout& l) {
  if (l.stage_layers.empty()) return std::nullopt;
  const auto stages = static_cast<int64_t>(l.stage_layers.size());
  if (stages != l.pipeline * l.virtual_stages)
    return Infeasible{"stage_layers must name every virtual stage",
                      fmt::format("stage_layers has {} numbers, pipeline * virtual_stages is {}", stages,
                                  l.pipeline * l.virtual_stages)};
  const int64_t sum = std::accumulate(l.stage_layers.begin(), l.stage_layers.end(), int64_t{0});
  if (sum == s.model.layers() && std::ranges::min(l.stage_layers) > 0) return std::nullopt;
  return Infeasible{"stage_layers must sum to the model's layers",
                    fmt::format("stage_layers {} sum to {}, the model has {} layers; each needs one at least",
                                stage_layers_text(l.stage_layers), sum, s.model.layers())};
}

Rule check_split_backward(const Scenario& s, const Layout& l) {
  if (l.schedule != PipelineSchedule::zb_h1) return std::nullopt;
  if (l.pipeline == 1) return Infeasible{"zb-h1 needs pipeline > 1", "pipeline is 1"};
  if (s.software.splits_backward) return std::nullopt;
  return Infeasible{"zb-h1 needs software that splits backward passes",
                    fmt::format("software \"{}\" does not say splits_backward = true", s.software.name)};
}

Rule check_pipeline(const Scenario& s, const Layout& l) {
  if (l.virtual_stages > s.model.layers() / l.pipeline)
    return Infeasible{"more pipeline stages than layers",
                      fmt::format("pipeline * virtual_stages is {:.0f}, the model has {} layers",
                                  product(l.pipeline, l.virtual_stages), s.model.layers())};
  if ((l.virtual_stages > 1) != (l.schedule == PipelineSchedule::interleaved))
    return Infeasible{
        "virtual_stages needs the interleaved schedule",
        fmt::format("virtual_stages {} with schedule {}", l.virtual_stages, to_string(l.schedule))};
  if (Rule r = check_stage_layers(s, l)) return r;
  if (Rule r = check_split_backward(s, l)) return r;
  if (l.virtual_stages == 1) return std::nullopt;
  if (l.pipeline == 1) return Infeasible{"virtual_stages needs pipeline > 1", "pipeline is 1"};
  // Embedding and head may count as a layer each.
  const int64_t ends = s.software.stage_balance == StageBalance::layers_and_ends ? 2 : 0;
  if (l.stage_layers.empty())
    if (Rule r = divides(s.model.layers() + ends, l.pipeline * l.virtual_stages,
                         "layers not divisible by pipeline * virtual_stages", "layers",
                         "pipeline * virtual_stages"))
      return r;
  return divides(s.global_batch / (l.micro_batch * l.data), l.pipeline,
                 "micro-batches not divisible by pipeline (interleaved)", "number of micro-batches",
                 "pipeline");
}

Rule check_offload(const Scenario& s, const Layout& l) {
  if (l.offload == Offload::none) return std::nullopt;
  if (l.offload == Offload::optimizer_and_parameters && l.zero_stage != 3)
    return Infeasible{"offload of parameters needs zero_stage 3",
                      fmt::format("zero_stage is {}", l.zero_stage)};
  const Host& host = s.hardware.host;
  if (host.device_link_bytes_per_s == 0 || host.node_link_bytes_per_s == 0 || host.adam_parameters_per_s == 0)
    return Infeasible{"offload needs rates of the host",
                      fmt::format("hardware \"{}\" does not give all of host.device_link_GBps, "
                                  "host.node_link_GBps and host.adam_parameters_per_s",
                                  s.hardware.name)};
  return std::nullopt;
}

Rule check_memory_options(const Scenario& s, const Layout& l) {
  if (l.zero_stage < 0 || l.zero_stage > 3)
    return Infeasible{"zero_stage must be 0 to 3", fmt::format("zero_stage is {}", l.zero_stage)};
  if (l.zero_stage >= 2 && l.pipeline > 1)
    return Infeasible{
        "zero_stage 2 and 3 do not work with pipeline > 1",
        fmt::format("zero_stage {} with pipeline {}: gradients are needed whole between micro-batches",
                    l.zero_stage, l.pipeline)};
  int64_t most = (s.model.layers() + l.pipeline - 1) / l.pipeline;
  if (!l.stage_layers.empty()) most = std::ranges::max(l.stage_layers) * l.virtual_stages;
  if (l.recompute_layers > most)
    return Infeasible{"recompute_layers exceeds the layers of a stage",
                      fmt::format("recompute_layers is {}, a stage has {} layers", l.recompute_layers, most)};
  if ((l.recompute == Recompute::layers) != (l.recompute_layers > 0))
    return Infeasible{
        "recompute = layers needs recompute_layers > 0",
        fmt::format("recompute {} with recompute_layers {}", to_string(l.recompute), l.recompute_layers)};
  return std::nullopt;
}

}  // namespace

std::optional<Infeasible> check_layout(const Scenario& s, const Layout& l) {
  if (l.devices() != s.cluster.devices())
    return Infeasible{
        "data * tensor * pipeline * context is not the number of devices",
        fmt::format("the layout has {} ranks, the cluster {} devices", l.devices(), s.cluster.devices())};
  if (Rule r = check_tensor(s, l)) return r;
  if (Rule r = check_batch(s, l)) return r;
  if (Rule r = check_pipeline(s, l)) return r;
  if (Rule r = check_offload(s, l)) return r;
  return check_memory_options(s, l);
}

}  // namespace paraplan
