#pragma once

#include <memory>
#include <string>
#include <vector>

#include "executor/bench/profile.h"
#include "executor/walk/program.h"

namespace paraplan {

// An op of a job's blocks, as a device can be made to run it.
struct NeededOp {
  std::shared_ptr<const ShapeJob> job;  // its software has only kernels that exist: see measurable
  BlockName block = BlockName::layer;
  Op op;
  OpSample key;      // without a time; ranks = 1
  double calls = 1;  // of this op for one micro-batch of the whole model
  std::string line;  // equal for ops that differ in nothing but `size`
  double size = 0;   // rows, products of a batch, or bytes
};

// The job with the kernels that the backends have, which are fused: where its software runs several kernels,
// the one that does their work is measured, and prices them by its bytes.
ShapeJob measurable(const ShapeJob& job);

// Every op of the jobs that one device can be timed on, each key once: no collectives, and of the gradients'
// accumulation only what moves bytes.
std::vector<NeededOp> needed_ops(const std::vector<ShapeJob>& jobs);

// Models of 1024 to 8192 columns in bf16 with flash attention, for a profile of no scenario in particular.
std::vector<ShapeJob> general_device_jobs(const SoftwareProfile& software);

// The block of a needed op.
Block block_of(const NeededOp& needed);

}  // namespace paraplan
