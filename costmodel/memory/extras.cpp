#include "costmodel/memory/extras.h"

#include <algorithm>
#include <string_view>

namespace paraplan {
namespace {

size_t find_op(const std::vector<Op>& ops, OpKind kind) {
  const auto found = std::ranges::find(ops, kind, &Op::kind);
  return static_cast<size_t>(found - ops.begin());
}

// Copies of the logits in fp32 while a loss that is not fused runs.
void add_loss(const Scenario& scenario, const Block& block, bool most, std::vector<ExtraTensor>& extras) {
  if (scenario.software.fusion.cross_entropy) return;
  const size_t first = find_op(block.forward, OpKind::loss_maximum);
  if (first == block.forward.size()) return;
  const Tensor& logits = block.tensors[static_cast<size_t>(block.forward[first].reads[0].index)];
  const double elements = static_cast<double>(logits.rows) * static_cast<double>(logits.width);
  const FrameworkMemory& memory = scenario.software.memory;
  extras.push_back({Walk::forward, find_op(block.forward, OpKind::loss_sum),
                    find_op(block.forward, OpKind::cross_entropy), MemoryCategory::loss,
                    elements * memory.loss_forward_bytes});
  const bool more = most && memory.most_loss_backward_bytes > memory.loss_backward_bytes;
  const size_t backward = find_op(block.backward, OpKind::cross_entropy);
  extras.push_back({Walk::backward, backward, backward, MemoryCategory::loss,
                    elements * (more ? memory.most_loss_backward_bytes : memory.loss_backward_bytes)});
}

// The op behind one that makes a gradient which adds it to its buffer; the same where there is none.
size_t accumulated(const std::vector<Op>& ops, size_t made) {
  for (size_t i = made + 1; i < ops.size(); ++i)
    if (ops[i].kind == OpKind::accumulate && std::string_view(ops[i].name) == ops[made].name) return i;
  return made;
}

// A gradient that the op which makes it does not add to the buffer itself waits for the kernel that does.
void add_weight_gradients(const Scenario& scenario, const Block& block, std::vector<ExtraTensor>& extras) {
  const Fusion& fusion = scenario.software.fusion;
  if (fusion.gradient_accumulation || fusion.in_place_gradients) return;
  const auto element = static_cast<double>(bytes_per_element(scenario.precision));
  for (size_t i = 0; i < block.backward.size(); ++i) {
    double elements = 0;
    for (const Operand& operand : block.backward[i].writes)
      if (operand.kind == Operand::Kind::weight_gradient)
        elements += block.weights[static_cast<size_t>(operand.index)].elements;
    if (elements == 0) continue;
    extras.push_back(
        {Walk::backward, i, accumulated(block.backward, i), MemoryCategory::temporary, elements * element});
  }
}

// Where no op works in place, scores and probabilities are two tensors; the attention function holds the
// first until it returns.
void add_scores(const Scenario& scenario, const Block& block, std::vector<ExtraTensor>& extras) {
  const size_t first = find_op(block.forward, OpKind::attention_scores);
  if (first == block.forward.size() || scenario.software.memory.frees_saved == FreesSaved::pass) return;
  extras.push_back({Walk::forward, first, find_op(block.forward, OpKind::merge_heads),
                    MemoryCategory::temporary, score_bytes(block)});
}

}  // namespace

std::vector<ExtraTensor> extra_tensors(const Scenario& scenario, const Block& block, bool most) {
  std::vector<ExtraTensor> extras;
  add_loss(scenario, block, most, extras);
  add_weight_gradients(scenario, block, extras);
  add_scores(scenario, block, extras);
  return extras;
}

double score_bytes(const Block& block) {
  const size_t scores = find_op(block.forward, OpKind::attention_scores);
  if (scores == block.forward.size()) return 0;
  return block.tensors[static_cast<size_t>(block.forward[scores].writes[0].index)].bytes();
}

MatrixShapes gradient_shapes(const Block& block) {
  MatrixShapes shapes;
  for (const Op& op : block.backward) {
    if (op.kind != OpKind::gemm || op.writes[0].kind != Operand::Kind::weight_gradient) continue;
    const Weight& weight = block.weights[static_cast<size_t>(op.writes[0].index)];
    shapes.emplace_back(weight.rows, weight.columns);
  }
  std::ranges::sort(shapes);
  const auto again = std::ranges::unique(shapes);
  shapes.erase(again.begin(), again.end());
  return shapes;
}

}  // namespace paraplan
