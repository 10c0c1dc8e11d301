#pragma once

#include <vector>

#include "executor/bench/needed_ops.h"
#include "executor/bench/random_data.h"
#include "executor/walk/frame.h"

namespace paraplan {

// An operand of an op on its own.
struct OperandNeed {
  Operand operand;
  size_t bytes = 0;
  Content content = Content::values;
  ElementType type = ElementType::fp32;  // of its elements
  bool indices = false;                  // tokens or targets instead
  bool in_place = false;                 // read and written: its numbers wander
};

// Everything that the launch of `op` touches, each once.
std::vector<OperandNeed> operands_of(const Op& op, const Block& block, ElementType type);

// What an OperandSet takes of its arena.
size_t bytes_of(const std::vector<OperandNeed>& needs);

// Operands for one launch of an op, with plausible numbers in them. Keeps references.
class OperandSet {
 public:
  // `indices`: tokens or targets where the op reads them.
  OperandSet(Backend& backend, DeviceArena& arena, RandomData& random, const Block& block,
             const std::vector<OperandNeed>& needs, const std::vector<int64_t>& indices);

  Frame& frame() { return frame_; }
  // Fresh numbers where the op works in place: softmax of softmax, or dropout of dropout, would end at
  // numbers that training never sees.
  void refresh();

 private:
  RandomData& random_;
  const std::vector<OperandNeed>& needs_;
  std::vector<void*> data_;  // by need
  Frame frame_;
};

}  // namespace paraplan
