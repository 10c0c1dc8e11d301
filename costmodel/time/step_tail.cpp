#include "costmodel/time/step_tail.h"

#include <algorithm>
#include <cmath>

namespace paraplan {
namespace {

// Reduction that runs beside compute: what it hides behind grows slower by the profile's factor; what is
// longer than the backward pass sticks out, and the last bucket always does.
double exposed_beside_compute(double total_s, double tail_s, double backward_s, double slowdown) {
  const double hidden = total_s - tail_s;
  return tail_s + std::max(hidden * (1 - 1 / slowdown), hidden - backward_s);
}

double shard_ranks(const Scenario& scenario, const Layout& layout) {
  return shards_optimizer(scenario.software, layout) ? static_cast<double>(layout.data * layout.context) : 1;
}

}  // namespace

double exposed_reduction_s(const Scenario& scenario, const Links& links, const Layout& layout,
                           const GroupPlacement& data, const StageState& stage) {
  if (data.ranks == 1 || reduces_in_passes(scenario.software, layout)) return 0;
  const Communication& rules = scenario.software.communication;
  const double bytes = stage.parameters * state_sizes(scenario).reduced_gradient;
  const double buckets = rules.bucket_bytes > 0 ? std::ceil(bytes / rules.bucket_bytes) : 1;
  const OpKind kind = layout.zero_stage >= 1 ? OpKind::reduce_scatter : OpKind::all_reduce;
  const double bucket_s = links.collective_s(kind, bytes / buckets, data);
  const bool model_parallel = layout.tensor > 1 || layout.pipeline > 1;
  const bool overlapped = rules.gradient_reduction == GradientReduction::overlapped &&
                          (!model_parallel || rules.reduction_overlaps_model_parallel);
  const double once = overlapped ? exposed_beside_compute(buckets * bucket_s, bucket_s, stage.backward_s,
                                                          scenario.hardware.device.overlap_slowdown)
                                 : buckets * bucket_s;
  return layout.zero_stage == 2 ? stage.micro_batches * once : once;
}

double parameter_gather_s(const Scenario& scenario, const Links& links, const Layout& layout,
                          const GroupPlacement& data, double parameters) {
  if (!shards_optimizer(scenario.software, layout) || layout.zero_stage == 3) return 0;
  return links.collective_s(OpKind::all_gather,
                            parameters * static_cast<double>(bytes_per_element(scenario.precision)), data);
}

double tied_embedding_s(const Scenario& scenario, const Links& links, const Layout& layout) {
  if (layout.pipeline == 1 || !scenario.model.tied_embeddings) return 0;
  const int64_t vocab = padded_vocab(scenario.model, layout.tensor) / layout.tensor;
  const double bytes = static_cast<double>(vocab) * static_cast<double>(scenario.model.hidden) *
                       state_sizes(scenario).reduced_gradient;
  const int64_t stride = axis_stride(layout, Axis::pipeline), local = scenario.cluster.devices_per_node;
  const int64_t distance = (layout.pipeline - 1) * stride;
  const bool one_node = distance < local;
  const GroupPlacement ends{.ranks = 2,
                            .ranks_per_node = one_node ? 2 : 1,
                            .nodes = one_node ? 1 : 2,
                            .stride = distance,
                            .groups_per_node = std::min(stride, local)};
  return links.collective_s(OpKind::all_reduce, bytes, ends);
}

double partial_gradients_s(const Scenario& scenario, const Links& links, const Layout& layout,
                           const GroupPlacement& tensor, const StageState& stage) {
  const double ranks =
      reduces_in_passes(scenario.software, layout) ? static_cast<double>(layout.data * layout.context) : 1;
  if (stage.partial_parameters == 0) return 0;
  const double bytes = stage.partial_parameters / ranks * state_sizes(scenario).gradient;
  return links.collective_s(OpKind::all_reduce, bytes, tensor);
}

OptimizerOps optimizer_ops(const Scenario& scenario, const Layout& layout, const StageState& stage) {
  const SoftwareProfile& software = scenario.software;
  const double owned = stage.parameters / shard_ranks(scenario, layout);
  const double all = owned * software.optimizer.bytes_per_parameter;
  const double norm = std::min(all, owned * state_sizes(scenario).gradient);
  return {{.kind = OpKind::gradient_norm, .name = "gradient norm", .bytes = norm, .launches = 0},
          {.kind = OpKind::adam, .name = "adam", .bytes = all - norm, .launches = 0}};
}

Breakdown optimizer_step(const Scenario& scenario, const Layout& layout, const KernelCost& kernels,
                         const StageState& stage) {
  const SoftwareProfile& software = scenario.software;
  const Host& host = scenario.hardware.host;
  const double owned = stage.parameters / shard_ranks(scenario, layout);
  const double launches = software.optimizer.launches_per_tensor * stage.weights *
                          launch_times(scenario.hardware, software).forward_s;
  const OptimizerOps ops = optimizer_ops(scenario, layout, stage);
  Breakdown parts;
  if (layout.offload == Offload::none) {
    parts[TimeCategory::optimizer] =
        std::max(launches, kernels.price(ops.norm).seconds + kernels.price(ops.adam).seconds);
    return parts;
  }
  // Gradients to the host, Adam there, new weights back. The cores and the host link are shared by the node.
  const auto local = static_cast<double>(scenario.cluster.devices_per_node);
  const auto element = static_cast<double>(bytes_per_element(scenario.precision));
  const double link = std::min<double>(host.device_link_bytes_per_s, host.node_link_bytes_per_s / local);
  parts[TimeCategory::offload] = owned * local / host.adam_parameters_per_s +
                                 owned * (state_sizes(scenario).gradient + element) / link + launches;
  return parts;
}

}  // namespace paraplan
