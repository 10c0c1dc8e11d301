#include "executor/walk/frame.h"

namespace paraplan {

Frame::Place& Frame::at(const Operand& operand) {
  auto& side = operand.kind == Operand::Kind::gradient ? gradients_ : values_;
  return side[static_cast<size_t>(operand.index)];
}

void* Frame::data(const Operand& operand) const {
  const auto& side = operand.kind == Operand::Kind::gradient ? gradients_ : values_;
  return side[static_cast<size_t>(operand.index)].data;
}

// Without operand (a bias that is not there): a matrix without data.
Matrix Frame::matrix(const Operand& operand) const {
  switch (operand.kind) {
    case Operand::Kind::none:
      return {};
    case Operand::Kind::weight:
      return weights[static_cast<size_t>(operand.index)];
    case Operand::Kind::weight_gradient:
      return weight_gradients[static_cast<size_t>(operand.index)];
    case Operand::Kind::value:
    case Operand::Kind::gradient:
      break;
  }
  const Tensor& t = tensor(operand);
  return {data(operand), t.rows, t.width, t.width};
}

}  // namespace paraplan
