#include "executor/bench/device/device_operands.h"

#include <algorithm>

namespace paraplan {
namespace {

// Statistics that the op reads lie behind these operands.
bool is_statistic(const Op& op, size_t read) {
  switch (op.kind) {
    case OpKind::norm:
      return op.derivative != Derivative::none && read == 2;
    case OpKind::loss_sum:
      return read == 2;
    case OpKind::cross_entropy:
      return op.derivative == Derivative::none ? read >= 1 : read >= 2;
    case OpKind::flash_attention:
      return op.derivative != Derivative::none && read == 4;
    case OpKind::sentence_head:
      return op.derivative != Derivative::none && read == 2;
    default:
      return false;
  }
}

Content content_read(const Op& op, size_t read) {
  if (is_statistic(op, read)) return Content::positive;
  // The gradient of a softmax whose rows do not sum to about one would grow without end.
  if (op.kind == OpKind::softmax && op.derivative != Derivative::none && read == 1) return Content::shares;
  return Content::values;
}

OperandNeed need_of(const Operand& operand, const Block& block, ElementType type) {
  OperandNeed need{.operand = operand, .type = type};
  const auto at = static_cast<size_t>(operand.index);
  if (operand.kind == Operand::Kind::weight || operand.kind == Operand::Kind::weight_gradient) {
    if (operand.kind == Operand::Kind::weight_gradient)
      need.type = accumulation_type(type), need.content = Content::zeros;
    need.bytes = static_cast<size_t>(block.weights[at].elements) * static_cast<size_t>(size_of(need.type));
    return need;
  }
  const Tensor& tensor = block.tensors[at];
  need.bytes = static_cast<size_t>(tensor.bytes());
  need.indices = operand.kind == Operand::Kind::value &&
                 (operand.index == block.tokens || operand.index == block.targets);
  if (tensor.type == DataType::int8) need.content = Content::mask;
  if (bytes_of(tensor.type) != size_of(type)) need.type = accumulation_type(type);
  return need;
}

}  // namespace

std::vector<OperandNeed> operands_of(const Op& op, const Block& block, ElementType type) {
  std::vector<OperandNeed> needs;
  const auto find = [&](const Operand& operand) {
    return std::ranges::find(needs, operand, &OperandNeed::operand);
  };
  for (size_t i = 0; i < op.reads.size(); ++i) {
    if (!op.reads[i] || find(op.reads[i]) != needs.end()) continue;
    OperandNeed need = need_of(op.reads[i], block, type);
    if (need.content == Content::values) need.content = content_read(op, i);
    needs.push_back(need);
  }
  for (const Operand& operand : op.writes) {
    if (!operand) continue;
    const auto read = find(operand);
    if (read == needs.end()) {
      needs.push_back(need_of(operand, block, type));
    } else {
      read->in_place = true;
    }
  }
  // The sentence's labels stand behind the targets, which the op list does not name.
  if (op.kind == OpKind::sentence_head)
    needs.push_back(need_of({Operand::Kind::value, block.targets}, block, type));
  return needs;
}

size_t bytes_of(const std::vector<OperandNeed>& needs) {
  size_t sum = 0;
  for (const OperandNeed& need : needs) sum += DeviceArena::padded(need.bytes);
  return sum;
}

OperandSet::OperandSet(Backend& backend, DeviceArena& arena, RandomData& random, const Block& block,
                       const std::vector<OperandNeed>& needs, const std::vector<int64_t>& indices)
    : random_(random), needs_(needs), frame_(block) {
  frame_.weights.resize(block.weights.size());
  frame_.weight_gradients.resize(block.weights.size());
  for (const OperandNeed& need : needs) {
    void* data = data_.emplace_back(arena.take(need.bytes));
    if (need.indices) {
      backend.upload(indices.data(), need.bytes, data);
    } else {
      random.fill(need.content, need.type, data, need.bytes);
    }
    const auto at = static_cast<size_t>(need.operand.index);
    const bool gradient = need.operand.kind == Operand::Kind::weight_gradient;
    if (gradient || need.operand.kind == Operand::Kind::weight) {
      const Weight& w = block.weights[at];
      (gradient ? frame_.weight_gradients : frame_.weights)[at] = {data, w.rows, w.columns, w.columns};
    } else {
      frame_.bind(need.operand, data);
    }
  }
}

void OperandSet::refresh() {
  for (size_t i = 0; i < needs_.size(); ++i)
    if (needs_[i].in_place) random_.fill(needs_[i].content, needs_[i].type, data_[i], needs_[i].bytes);
}

}  // namespace paraplan
