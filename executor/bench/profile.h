#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "costmodel/model/scenario.h"
#include "costmodel/ops/op.h"
#include "costmodel/profile/hardware_profile.h"
#include "executor/bench/op_bench.h"

namespace paraplan {

// Shapes to measure on as many ranks as the layout has devices.
struct ShapeJob {
  Scenario scenario;
  Layout layout;
};

// Everything that is measured on one number of ranks at work at the same time.
struct RanksProfile {
  int64_t ranks = 1;
  DeviceRates rates;
  std::vector<OpSample> ops;
  std::vector<CollectiveSample> collectives;
  std::vector<std::string> left_out;  // layouts that the budget did not reach
  std::optional<MachineLoad> load;    // meanwhile; not always known
};

// "ffn.up gemm 512 x 1024 x 256", "ffn.gelu gelu 4096 bytes"
std::string describe(const Op& op);

// Parameters of one rank without pipeline, at most.
double largest_parameters(const std::vector<ShapeJob>& jobs);

// Measures as one rank of `world`; complete on rank 0. Links and optimizer are measured up to the size of
// `largest_parameters`, as memory allows. `budget_s` is shared by the jobs; one that would start after its
// end is left out. `progress` is called on rank 0 with what is done. Throws OutOfMemory for a job too large.
RanksProfile measure(World& world, const std::vector<ShapeJob>& jobs, double largest_parameters,
                     double budget_s, const std::function<void(int64_t done, int64_t total)>& progress);

// Jobs whose blocks have an op that `samples` do not hold for their number of ranks, one per set of shapes.
std::vector<ShapeJob> missing(const std::vector<ShapeJob>& jobs, const std::vector<OpSample>& samples);

// Ops of a job's blocks that `samples` do not hold: "ffn.up gemm 512 x 1024 x 256", each once.
std::vector<std::string> missing_shapes(const ShapeJob& job, const std::vector<OpSample>& samples);

// Small models of all families, for a profile of no scenario in particular.
std::vector<ShapeJob> general_jobs(int64_t ranks, const SoftwareProfile& software);

// A hardware profile from measurements. Of a `previous` one of the same machine (may be null), samples are
// kept where nothing newer is there (collectives: of the same transport), and the constants if more ranks
// were at work then. The load is the worst of all that is in it. `memory_bytes`: of the whole machine.
HardwareProfile measured_profile(const std::vector<RanksProfile>& measured, const HardwareProfile* previous,
                                 const MeasuredOn& measured_on, double memory_bytes);

}  // namespace paraplan
