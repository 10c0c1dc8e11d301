#pragma once

#include <vector>

#include "costmodel/ops/op.h"
#include "executor/memory/memory_pool.h"
#include "kernels/matrix.h"

namespace paraplan {

// The memory behind the operands of one block while ops run on it. Tensors are bound to memory of someone
// else, or own a buffer between birth and death.
class Frame {
 public:
  explicit Frame(const Block& block) : block_(block) {
    for (auto* side : {&values_, &gradients_}) side->resize(block.tensors.size());
  }

  // Memory that outlives the walk.
  void bind(const Operand& operand, void* data) { at(operand).data = data; }
  void own(const Operand& operand, Buffer buffer) {
    at(operand).data = buffer.data();
    at(operand).buffer = std::move(buffer);
  }
  // Gives up the operand's memory: the caller's now.
  Buffer release(const Operand& operand) {
    at(operand).data = nullptr;
    return std::move(at(operand).buffer);
  }

  std::vector<Matrix> weights, weight_gradients;  // by WeightId

  void* data(const Operand& operand) const;  // of a value or gradient; null when there is none
  Matrix matrix(const Operand& operand) const;
  const Tensor& tensor(const Operand& operand) const {
    return block_.tensors[static_cast<size_t>(operand.index)];
  }
  const Block& block() const { return block_; }

 private:
  struct Place {
    void* data = nullptr;
    Buffer buffer;
  };
  Place& at(const Operand& operand);

  const Block& block_;
  std::vector<Place> values_, gradients_;  // by TensorId
};

}  // namespace paraplan
