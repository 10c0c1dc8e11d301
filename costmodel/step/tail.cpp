#include "costmodel/step/tail.h"

#include <algorithm>
#include <cmath>

namespace paraplan {
namespace {

double data_ranks(const Layout& layout) {
  return static_cast<double>(layout.data * layout.context);
}

Op collective(OpKind kind, const char* name, double bytes, CommGroup group) {
  Op op{.kind = kind, .name = name, .derivative = Derivative::weight, .bytes = bytes};
  op.group = group;
  return op;
}

// Gradients of weights that the ranks of the tensor group used on parts of the tokens.
void add_partial_gradients(const Scenario& scenario, const Layout& layout, const TailStage& stage,
                           std::vector<TailOp>& tail) {
  if (stage.state.partial_parameters == 0 || layout.tensor == 1) return;
  const double held = reduces_in_passes(scenario.software, layout) ? data_ranks(layout) : 1;
  const double bytes = stage.state.partial_parameters / held * state_sizes(scenario).gradient;
  tail.push_back({collective(OpKind::all_reduce, "partial gradients", bytes, CommGroup::tensor)});
}

// A tied word embedding lives on both ends of the pipeline.
void add_tied_embedding(const Scenario& scenario, const Layout& layout, const TailStage& stage,
                        std::vector<TailOp>& tail) {
  if (!scenario.model.tied_embeddings || layout.pipeline == 1 || !(stage.first || stage.last)) return;
  const int64_t vocab = padded_vocab(scenario.model, layout.tensor) / layout.tensor;
  const double bytes = static_cast<double>(vocab) * static_cast<double>(scenario.model.hidden) *
                       state_sizes(scenario).reduced_gradient;
  tail.push_back({collective(OpKind::all_reduce, "tied embedding", bytes, CommGroup::ends)});
}

// Over the data group, by buckets. With ZeRO 2 every micro-batch reduces.
void add_reduction(const Scenario& scenario, const Layout& layout, const TailStage& stage,
                   std::vector<TailOp>& tail) {
  if (data_ranks(layout) == 1 || reduces_in_passes(scenario.software, layout)) return;
  const Communication& rules = scenario.software.communication;
  const double bytes = stage.state.parameters * state_sizes(scenario).reduced_gradient;
  // An optimizer that always shards its states keeps whole sums (DeepSpeed's pipeline with BF16_Optimizer:
  // runtime/pipe/engine.py, _bf16_reduce_grads).
  const bool whole = layout.zero_stage == 0 || scenario.software.state.sharded_optimizer;
  const OpKind kind = whole ? OpKind::all_reduce : OpKind::reduce_scatter;
  TailOp reduce{collective(kind, "gradients", bytes, CommGroup::data)};
  if (rules.bucket_bytes > 0) reduce.pieces = std::ceil(bytes / rules.bucket_bytes);
  if (rules.tensor_by_tensor && layout.zero_stage == 1)
    reduce.pieces = std::max(reduce.pieces, stage.state.weights);
  const bool model_parallel = layout.tensor > 1 || layout.pipeline > 1;
  reduce.beside_backward = rules.gradient_reduction == GradientReduction::overlapped &&
                           (!model_parallel || rules.reduction_overlaps_model_parallel);
  if (layout.zero_stage == 2) reduce.calls = scenario.global_batch / (layout.micro_batch * layout.data);
  tail.push_back(reduce);
}

// The kernels of the optimizer; those of offloaded states run on the host, between copies of gradients and
// weights.
void add_update(const Scenario& scenario, const Layout& layout, const TailStage& stage,
                std::vector<TailOp>& tail) {
  const SoftwareProfile& software = scenario.software;
  const double owned = updated_parameters(scenario, layout, stage), gradient = state_sizes(scenario).gradient;
  const double all = owned * software.optimizer.bytes_per_parameter;
  const double norm = std::min(all, owned * gradient);
  tail.push_back({{.kind = OpKind::gradient_norm, .name = "gradient norm", .bytes = norm, .launches = 0}});
  if (layout.devices() > 1) {
    constexpr double kSums = 2 * sizeof(double);  // loss, squares of the gradients
    tail.push_back({collective(OpKind::all_reduce, "loss and norm", kSums, CommGroup::all)});
  }
  Op adam{.kind = OpKind::adam, .name = "adam", .bytes = all - norm};
  adam.batch = owned;
  adam.launches = software.optimizer.launches_per_tensor * stage.state.weights;
  adam.on_host = layout.offload != Offload::none;
  if (adam.on_host)
    adam.bytes = owned * (gradient + static_cast<double>(bytes_per_element(scenario.precision)));
  tail.push_back({adam});
}

// ZeRO 1 and 2: every rank has updated its share.
void add_gather(const Scenario& scenario, const Layout& layout, const TailStage& stage,
                std::vector<TailOp>& tail) {
  if (data_ranks(layout) == 1 || !shards_optimizer(scenario.software, layout) || layout.zero_stage == 3)
    return;
  const double bytes = stage.state.parameters * static_cast<double>(bytes_per_element(scenario.precision));
  TailOp gather{collective(OpKind::all_gather, "parameters", bytes, CommGroup::data)};
  const Communication& rules = scenario.software.communication;
  gather.beside_forward = rules.gathers_beside_forward;
  if (rules.gathers_beside_forward && rules.bucket_bytes > 0)
    gather.pieces = std::max(1.0, std::ceil(bytes / rules.bucket_bytes));
  if (rules.tensor_by_tensor) gather.pieces = std::max(1.0, stage.state.weights);
  tail.push_back(gather);
}

}  // namespace

double updated_parameters(const Scenario& scenario, const Layout& layout, const TailStage& stage) {
  return stage.state.parameters / (shards_optimizer(scenario.software, layout) ? data_ranks(layout) : 1);
}

std::vector<TailOp> tail_ops(const Scenario& scenario, const Layout& layout, const TailStage& stage) {
  std::vector<TailOp> tail;
  add_partial_gradients(scenario, layout, stage, tail);
  add_tied_embedding(scenario, layout, stage, tail);
  add_reduction(scenario, layout, stage, tail);
  add_update(scenario, layout, stage, tail);
  add_gather(scenario, layout, stage, tail);
  return tail;
}

}  // namespace paraplan
