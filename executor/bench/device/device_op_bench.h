#pragma once

#include <functional>
#include <map>
#include <memory>

#include "executor/bench/device/device_operands.h"
#include "executor/bench/measurement.h"
#include "executor/bench/shape_choice.h"
#include "kernels/accelerator.h"

namespace paraplan {

// Times ops on an accelerator, each alone, through the executor's own launch functions: in a recorded graph,
// so that the host does not pace them; over operands that together are more than twice the last-level cache,
// taken in turn, so that each launch finds the cache full of other data as in a training step; on random
// numbers, because zeros draw less power and run faster.
class DeviceOpBench {
 public:
  // Keeps a reference.
  explicit DeviceOpBench(Accelerator& accelerator);

  // The median over replays. Without a sample where the device has too little memory, or its backend no
  // kernel for the shape.
  OpOutcome time(const NeededOp& op);

  // Seconds of one launch. launch(s) queues work on operand set s < `sets`; `refresh` goes before each
  // replay, outside of the timing.
  Measurement time(int64_t sets, const std::function<void(int64_t)>& launch,
                   const std::function<void()>& refresh);

  Accelerator& accelerator() { return accelerator_; }
  Backend& backend(ElementType type);
  // Device memory that operands may take: what is free, less a margin for libraries' workspaces and the
  // blocks of random numbers.
  double free_bytes() const;
  RandomData& random(ElementType type) { return *side(type).random; }

 private:
  struct Side {
    std::unique_ptr<Backend> backend;
    std::unique_ptr<RandomData> random;
  };
  Side& side(ElementType type);
  Measurement time_launched(Side& side, const NeededOp& op, const Block& block,
                            const std::vector<OperandNeed>& needs, int64_t sets);
  Measurement time_accumulation(Side& side, double bytes, int64_t sets);

  Accelerator& accelerator_;
  double cache_bytes_;
  std::map<ElementType, Side> sides_;
};

// Sets of operands of `bytes` each that a benchmark goes through: together more than twice the cache, 2 at
// least and 64 at most.
int64_t rotated_sets(double bytes, double cache_bytes);

}  // namespace paraplan
