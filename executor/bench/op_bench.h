#pragma once

#include <cstdint>
#include <vector>

#include "costmodel/model/scenario.h"
#include "costmodel/profile/hardware_profile.h"
#include "executor/worlds/communicator.h"

namespace paraplan {

// Times every op of a scenario's blocks in the shapes of `layout`, as one of the world's ranks: all ranks
// work at the same time, because cores of a node share caches and memory. The blocks' op lists are walked
// like in a training step, through the executor's own launch functions, collectives left out, over as many
// copies of a layer as the model has (or fill the caches), so that an op finds the caches as it will find
// them. Each sample is the median over the walks of `budget_s` seconds; ops of equal shape share one.
// Returned on rank 0.
std::vector<OpSample> measure_ops(World& world, const Scenario& scenario, const Layout& layout,
                                  double budget_s);

// Adam's step and the norm of the gradients, over a geometric series of sizes up to `parameters`.
std::vector<OpSample> measure_optimizer(World& world, double parameters, double budget_s);

// Collectives over all ranks, and messages between neighbours, over a geometric series of sizes up to
// `largest_bytes`. Empty with one rank. Returned on rank 0.
std::vector<CollectiveSample> measure_collectives(World& world, double largest_bytes, double budget_s);

// What a large matrix product and a streaming copy reach on every rank at once.
struct DeviceRates {
  double gemm_flop_per_s = 0;
  double copy_bytes_per_s = 0;  // read and written bytes
};
DeviceRates measure_rates(World& world);

}  // namespace paraplan
