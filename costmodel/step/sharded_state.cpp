#include "costmodel/step/sharded_state.h"

namespace paraplan {
namespace {

// Weights that lie in host memory are copied to the device first, each rank its share.
std::vector<Op> gathers(const Scenario& scenario, const Layout& layout, const Block& block) {
  const auto element = static_cast<double>(bytes_per_element(scenario.precision));
  const auto ranks = static_cast<double>(layout.data * layout.context);
  std::vector<Op> ops;
  for (size_t i = 0; i < block.weights.size(); ++i) {
    const Weight& weight = block.weights[i];
    Op op{.kind = OpKind::all_gather, .name = weight.name, .bytes = weight.elements * element};
    op.group = CommGroup::data;
    op.writes[0] = {Operand::Kind::weight, static_cast<WeightId>(i)};
    if (layout.offload == Offload::optimizer_and_parameters) {
      Op copy{.kind = OpKind::host_copy, .name = weight.name, .bytes = op.bytes / ranks};
      copy.writes = op.writes;
      ops.push_back(copy);
    }
    ops.push_back(op);
  }
  return ops;
}

// A tied weight is reduced where it lives, unless every block reduces what it has made.
std::vector<Op> reductions(const Scenario& scenario, const Block& block) {
  std::vector<Op> ops;
  for (size_t i = 0; i < block.weights.size(); ++i) {
    const Weight& weight = block.weights[i];
    if (!weight.owned && !scenario.software.communication.reduces_by_block) continue;
    Op op{.kind = OpKind::reduce_scatter, .name = weight.name, .derivative = Derivative::weight};
    op.bytes = weight.elements * state_sizes(scenario).reduced_gradient;
    op.group = CommGroup::data;
    op.reads[0] = {Operand::Kind::weight_gradient, static_cast<WeightId>(i)};
    ops.push_back(op);
  }
  return ops;
}

}  // namespace

ShardedState sharded_state(const Scenario& scenario, const Layout& layout, const Block& block) {
  ShardedState state;
  if (layout.zero_stage == 3) state.gather = gathers(scenario, layout, block);
  if (reduces_in_passes(scenario.software, layout)) state.reduce = reductions(scenario, block);
  const bool splits = scenario.software.communication.checkpoints_over_tensor && !layout.sequence_parallel;
  if (splits && layout.tensor > 1 && block.input >= 0 && block.output >= 0) {
    const double bytes = block.tensors[static_cast<size_t>(block.input)].bytes();
    Op op{.kind = OpKind::all_gather, .name = "checkpoint", .bytes = bytes};
    op.launches = 0;  // issued with the rest of what the host does for a recomputed region
    op.group = CommGroup::tensor;
    state.restore.push_back(op);
  }
  return state;
}

}  // namespace paraplan
