#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>

#include "executor/bench/measurement.h"
#include "executor/bench/profile.h"
#include "executor/worlds/worlds.h"
#include "training.h"

namespace paraplan {
namespace {

TEST(Summarize, GivesMedianAndQuartiles) {
  // Sorted 1 2 3 4 5: quartiles 2 and 4.
  const Measurement m = summarize({5, 1, 4, 2, 3});
  EXPECT_DOUBLE_EQ(m.seconds, 3);
  EXPECT_DOUBLE_EQ(m.noise, 2.0 / 3);
  EXPECT_DOUBLE_EQ(summarize({1, 2}).seconds, 1.5);
  EXPECT_DOUBLE_EQ(summarize({}).seconds, 0);
}

TEST(StopRule, StopsEarlyWhenSteady) {
  StopRule rule(1e9);
  int repeats = 1;
  while (rule.go_on(1e-3)) ++repeats;
  EXPECT_EQ(repeats, StopRule::kFewest);
}

TEST(StopRule, GoesOnWhileNoisyUntilTheTimeIsSpent) {
  StopRule rule(0.1);
  int repeats = 1;
  while (rule.go_on(repeats % 2 == 0 ? 1e-3 : 3e-3)) ++repeats;
  EXPECT_EQ(repeats, 50);  // 2 ms each on average
}

TEST(StopRule, RepeatsAtLeastAFewTimesWhateverTheBudget) {
  StopRule rule(0);
  int repeats = 1;
  while (rule.go_on(1)) ++repeats;
  EXPECT_EQ(repeats, StopRule::kFewest);
}

TEST(StopRule, EndsAtItsLimit) {
  StopRule rule(1e9);
  int repeats = 1;
  while (rule.go_on(repeats % 2 == 0 ? 1 : 3)) ++repeats;
  EXPECT_LE(repeats, StopRule::kMost);
}

ShapeJob small_job(const Layout& layout) {
  ShapeJob job{small_scenario(Family::bert, 0.1), layout};
  job.scenario.precision = Precision::fp32;
  return job;
}

TEST(Missing, NamesShapesOnce) {
  const ShapeJob one = small_job({.micro_batch = 1}), two = small_job({.micro_batch = 2});
  // Recompute and ZeRO change no shape.
  const ShapeJob same = small_job({.micro_batch = 1, .recompute = Recompute::full, .zero_stage = 1});
  const std::vector<ShapeJob> needed = missing({one, same, two}, {});
  ASSERT_EQ(needed.size(), 2u);
  EXPECT_EQ(needed[0].layout, one.layout);
  EXPECT_EQ(needed[1].layout, two.layout);
}

class MeasuredOnThreads : public testing::TestWithParam<int> {};

TEST_P(MeasuredOnThreads, HoldsEveryOpOfTheJobs) {
  const int ranks = GetParam();
  const std::vector<ShapeJob> jobs = {small_job({.data = ranks}),
                                      small_job({.tensor = ranks, .sequence_parallel = ranks > 1})};
  RanksProfile measured;
  int64_t last_done = -1, last_total = 0;
  run_threads(ranks, [&](World& world) {
    RanksProfile mine = measure(world, jobs, largest_parameters(jobs), 0.2, [&](int64_t done, int64_t total) {
      EXPECT_GE(done, last_done);
      last_done = done, last_total = total;
    });
    if (world.rank() == 0) measured = std::move(mine);
  });
  EXPECT_EQ(last_done, last_total);
  EXPECT_EQ(measured.ranks, ranks);
  EXPECT_GT(measured.rates.gemm_flop_per_s, 0);
  for (const OpSample& s : measured.ops) {
    EXPECT_GT(s.seconds, 0) << to_string(s.kind);
    EXPECT_EQ(s.ranks, ranks);
  }
  if (measured.left_out.empty()) {
    EXPECT_TRUE(missing(jobs, measured.ops).empty());
  }
  // Every rank count but one has links: four kinds, the same sizes.
  EXPECT_EQ(measured.collectives.empty(), ranks == 1);
  EXPECT_EQ(measured.collectives.size() % 4, 0u);
}

INSTANTIATE_TEST_SUITE_P(Ranks, MeasuredOnThreads, testing::Values(1, 2));

RanksProfile made_up(int64_t ranks, double gemm_s) {
  RanksProfile m;
  m.ranks = ranks;
  m.rates = {.gemm_flop_per_s = 1e11, .copy_bytes_per_s = 1e10};
  m.ops = {{.kind = OpKind::gemm, .m = 8, .n = 8, .k = 8, .ranks = ranks, .seconds = gemm_s},
           {.kind = OpKind::adam, .bytes = 3200, .ranks = ranks, .seconds = 1e-6}};
  if (ranks > 1)
    m.collectives = {
        {.kind = CollectiveSample::Kind::all_reduce, .ranks = ranks, .bytes = 64, .seconds = 1e-6},
        {.kind = CollectiveSample::Kind::all_reduce, .ranks = ranks, .bytes = 1e6, .seconds = 2e-4},
        {.kind = CollectiveSample::Kind::send, .ranks = ranks, .bytes = 1e6, .seconds = 1e-4}};
  return m;
}

const MeasuredOn kHere{"this machine", "libraries", "threads", "2030-01-02T03:04:05Z"};

TEST(MeasuredProfile, DerivesRatesFromTheSamples) {
  const HardwareProfile p = measured_profile({made_up(1, 1e-6), made_up(2, 2e-6)}, nullptr, kHere, 8e9);
  EXPECT_EQ(p.measured_on, kHere);
  EXPECT_DOUBLE_EQ(p.device.memory_bytes, 4e9);  // shared by two
  EXPECT_DOUBLE_EQ(p.device.peak_fp32_flop_per_s, 1e11);
  EXPECT_EQ(p.device.op_samples.size(), 4u);
  EXPECT_FALSE(p.device.asynchronous_launch);
  EXPECT_EQ(p.node.devices, 2);
  // 1e6 bytes in 1e-4 s; two ranks' ring moves each byte once: 1e6 / 2e-4 is half of it.
  EXPECT_DOUBLE_EQ(p.node.link_bytes_per_s, 1e10);
  EXPECT_DOUBLE_EQ(p.node.collective_efficiency, 0.5);
  EXPECT_DOUBLE_EQ(p.node.latency_s, 1e-6);
  // 100 parameters in 1 us on each of two ranks.
  EXPECT_DOUBLE_EQ(p.host.adam_parameters_per_s, 2e8);
}

TEST(MeasuredProfile, KeepsWhatIsOlderOnTheSameMachineAlone) {
  HardwareProfile previous = measured_profile({made_up(1, 5e-6)}, nullptr, kHere, 8e9);
  previous.device.op_samples.push_back({.kind = OpKind::gemm, .m = 16, .n = 8, .k = 8, .seconds = 7e-6});
  const HardwareProfile added = measured_profile({made_up(1, 1e-6)}, &previous, kHere, 8e9);
  ASSERT_EQ(added.device.op_samples.size(), 3u);
  EXPECT_DOUBLE_EQ(added.device.op_samples[0].seconds, 1e-6);  // the newer one of the two
  EXPECT_DOUBLE_EQ(added.device.op_samples[2].seconds, 7e-6);
  previous.measured_on->machine = "another machine";
  EXPECT_EQ(measured_profile({made_up(1, 1e-6)}, &previous, kHere, 8e9).device.op_samples.size(), 2u);
}

TEST(MeasuredProfile, KeepsTheDescriptionOfMoreRanks) {
  const HardwareProfile two = measured_profile({made_up(2, 2e-6)}, nullptr, kHere, 8e9);
  const HardwareProfile after = measured_profile({made_up(1, 1e-6)}, &two, kHere, 8e9);
  EXPECT_EQ(after.node.devices, 2);
  EXPECT_DOUBLE_EQ(after.device.memory_bytes, 4e9);
  EXPECT_EQ(after.node.samples, two.node.samples);
  EXPECT_EQ(after.device.op_samples.size(), 4u);
}

TEST(MeasuredProfile, HasTheWorstLoadOfAllThatIsInIt) {
  const auto busy = [](int64_t ranks, double others_cores) {
    RanksProfile m = made_up(ranks, 1e-6);
    m.load = {.ranks = ranks, .cores = 4, .others_cores = others_cores};
    return m;
  };
  const RanksProfile none = made_up(4, 1e-6);
  const HardwareProfile first = measured_profile({busy(1, 0.3), busy(2, 0.4), none}, nullptr, kHere, 8e9);
  EXPECT_EQ(first.measured_on->load, busy(1, 0.3).load);  // of one core, not of two
  EXPECT_EQ(measured_profile({busy(1, 0.1)}, &first, kHere, 8e9).measured_on->load, busy(1, 0.3).load);
  EXPECT_EQ(measured_profile({busy(1, 0.5)}, &first, kHere, 8e9).measured_on->load, busy(1, 0.5).load);
  MeasuredOn elsewhere = kHere;
  elsewhere.machine = "another machine";
  EXPECT_EQ(measured_profile({busy(1, 0.1)}, &first, elsewhere, 8e9).measured_on->load, busy(1, 0.1).load);
}

TEST(MeasuredProfile, DoesNotMixTransports) {
  const HardwareProfile threads = measured_profile({made_up(2, 2e-6)}, nullptr, kHere, 8e9);
  MeasuredOn processes = kHere;
  processes.transport = "mpi";
  const HardwareProfile after = measured_profile({made_up(4, 1e-6)}, &threads, processes, 8e9);
  for (const CollectiveSample& s : after.node.samples) EXPECT_EQ(s.ranks, 4);
  EXPECT_EQ(after.measured_on->transport, "mpi");
}

}  // namespace
}  // namespace paraplan
