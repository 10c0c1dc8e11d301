#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "costmodel/model/family.h"
#include "costmodel/prices/op_sample_key.h"
#include "executor/bench/device/device_op_bench.h"
#include "executor/bench/needed_ops.h"
#include "executor/walk/launcher.h"
#include "kernels/backends.h"
#include "tests/executor/bench/fake_accelerator.h"
#include "tests/executor/training.h"

namespace paraplan {
namespace {

ShapeJob job_for(Family family, Precision precision, const Layout& layout = {}) {
  ShapeJob job{small_scenario(family, family == Family::llama ? 0 : 0.1), layout};
  job.scenario.precision = precision;
  return job;
}

TEST(NeededOps, AreTheOpsOfTheBlocksOnceEach) {
  const std::vector<ShapeJob> jobs = {job_for(Family::llama, Precision::fp32),
                                      job_for(Family::llama, Precision::fp32, {.data = 2})};
  const std::vector<NeededOp> ops = needed_ops(jobs);
  EXPECT_EQ(ops.size(), needed_ops({jobs[0]}).size());  // data parallelism changes no shape
  std::set<OpSampleKey> keys;
  double qkv_calls = 0;
  for (const NeededOp& op : ops) {
    EXPECT_FALSE(is_collective(op.op.kind));
    EXPECT_TRUE(keys.insert(key_of(op.key)).second) << describe(op.op);
    EXPECT_EQ(op.key.ranks, 1);
    if (std::string_view(op.op.name) == "attention.qkv" && op.op.derivative == Derivative::none)
      qkv_calls = op.calls;
  }
  EXPECT_EQ(qkv_calls, 4);  // layers
}

TEST(NeededOps, LinesHoldOpsThatDifferInOneSize) {
  std::vector<ShapeJob> jobs;
  for (const int64_t micro_batch : {1, 2, 4})
    jobs.push_back(job_for(Family::gpt, Precision::fp32, {.micro_batch = micro_batch}));
  std::map<std::string, std::vector<NeededOp>> lines;
  for (const NeededOp& op : needed_ops(jobs)) lines[op.line].push_back(op);
  for (const auto& [name, line] : lines) {
    for (const NeededOp& op : line) {
      if (op.op.kind != OpKind::gemm) continue;
      const bool weight = op.op.derivative == Derivative::weight;
      EXPECT_EQ(line.size(), 3u) << name;
      EXPECT_EQ(op.op.n, line[0].op.n);
      EXPECT_EQ(weight ? op.op.m : op.op.k, weight ? line[0].op.m : line[0].op.k);
      EXPECT_EQ(op.size, static_cast<double>(weight ? op.op.k : op.op.m));
    }
  }
}

TEST(NeededOps, StandForSoftwareWithMoreKernels) {
  ShapeJob job = job_for(Family::gpt, Precision::bf16);
  Fusion& f = job.scenario.software.fusion;
  f.norm = f.gelu = f.cross_entropy = f.in_place_gradients = f.gradient_accumulation = false;
  for (const NeededOp& op : needed_ops({job})) {
    EXPECT_TRUE(op.op.kind != OpKind::norm || op.op.launches <= 2) << "fused";
    EXPECT_TRUE(op.op.kind != OpKind::accumulate || op.op.bytes > 0);
  }
  // A tensor group larger than the key-value heads keeps one on each rank.
  ShapeJob wide = job_for(Family::llama, Precision::bf16, {.tensor = 4});
  EXPECT_EQ(measurable(wide).scenario.model.kinds[0].attention.kv_heads, 4);
}

TEST(RotatedSets, PassTwiceTheCache) {
  EXPECT_EQ(rotated_sets(1e9, 50e6), 2);
  EXPECT_EQ(rotated_sets(10e6, 50e6), 11);
  EXPECT_EQ(rotated_sets(1, 50e6), 64);
}

// The CPU's kernels under a clock that gives every recording a millisecond.
class CpuAccelerator : public Accelerator {
 public:
  AcceleratorInfo info() const override {
    AcceleratorInfo info;
    info.name = "cpu", info.cache_bytes = 1e5;
    return info;
  }
  std::unique_ptr<Backend> make_backend(ElementType type) override {
    return paraplan::make_backend("cpu", type);
  }
  double free_memory_bytes() const override { return 4e9; }
  double fixed_memory_bytes() const override { return 0; }
  std::optional<int64_t> other_processes() const override { return std::nullopt; }
  double queued_seconds(const std::function<void()>& work) override {
    work();
    return 1e-3;
  }
  std::unique_ptr<Recording> record(const std::function<void()>& work) override {
    return std::make_unique<Replay>(work);
  }
  double launch_seconds() override { return 1e-6; }
  double copy_seconds(CopyDirection, size_t) override { return 1e-6; }

 private:
  class Replay : public Recording {
   public:
    explicit Replay(std::function<void()> work) : work_(std::move(work)) {}
    double seconds() override {
      work_();
      return 1e-3;
    }
    double host_seconds() override { return 1e-6; }

   private:
    std::function<void()> work_;
  };
};

std::vector<ShapeJob> cpu_jobs(Family family, bool flash) {
  std::vector<ShapeJob> jobs = {
      job_for(family, Precision::fp32),
      job_for(family, Precision::fp32, {.tensor = 4, .micro_batch = 2, .sequence_parallel = true}),
      job_for(family, Precision::fp32, {.context = 2})};
  for (ShapeJob& job : jobs) {
    job.scenario.software.fusion.flash_attention = flash;
    job.scenario.software.fusion.in_place_gradients = false;
  }
  return jobs;
}

class EveryOp : public testing::TestWithParam<std::tuple<Family, bool>> {};

TEST_P(EveryOp, IsLaunched) {
  const auto [family, flash] = GetParam();
  CpuAccelerator accelerator;
  DeviceOpBench bench(accelerator);
  for (const NeededOp& op : needed_ops(cpu_jobs(family, flash))) {
    const OpOutcome outcome = bench.time(op);
    ASSERT_TRUE(outcome.sample) << describe(op.op) << ": " << outcome.reason;
    EXPECT_EQ(key_of(*outcome.sample), key_of(op.key));
    EXPECT_GT(outcome.sample->seconds, 0);
  }
}

bool all_finite(const float* values, size_t count) {
  return std::all_of(values, values + count, [](float v) { return std::isfinite(v); });
}

// As many launches as a replay has on one set, on operands as the benchmark fills them.
TEST_P(EveryOp, KeepsItsNumbersFinite) {
  const auto [family, flash] = GetParam();
  const auto backend = make_backend("cpu", ElementType::fp32);
  RandomData random(*backend);
  for (const NeededOp& needed : needed_ops(cpu_jobs(family, flash))) {
    if (needed.op.kind == OpKind::accumulate) continue;
    const Block block = block_of(needed);
    const std::vector<OperandNeed> needs = operands_of(needed.op, block, ElementType::fp32);
    DeviceArena arena(*backend, bytes_of(needs));
    OperandSet set(*backend, arena, random, block, needs, std::vector<int64_t>(4096, 1));
    Launcher launcher(
        {needed.job->scenario.model, block_shape(needed.job->scenario, needed.job->layout), 8, 1}, {},
        nullptr, *backend);
    for (int replay = 0; replay < 3; ++replay) {
      set.refresh();
      for (int i = 0; i < 25; ++i) launcher.launch(needed.op, set.frame(), {});
    }
    for (const OperandNeed& need : needs) {
      if (need.indices || need.content == Content::mask) continue;
      const auto* values = static_cast<const float*>(set.frame().matrix(need.operand).data);
      EXPECT_TRUE(all_finite(values, need.bytes / sizeof(float)))
          << describe(needed.op) << " " << to_string(needed.op.derivative);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, EveryOp,
                         testing::Combine(testing::Values(Family::gpt, Family::bert, Family::llama),
                                          testing::Bool()));

TEST(DeviceOpBench, TimesOneLaunchOfManyInAGraph) {
  FakeDevice device;
  FakeAccelerator accelerator(device);
  DeviceOpBench bench(accelerator);
  for (const NeededOp& op : needed_ops({job_for(Family::gpt, Precision::bf16)})) {
    if (op.op.kind != OpKind::gelu || op.op.derivative != Derivative::none) continue;
    // One kernel that reads and writes.
    const OpOutcome outcome = bench.time(op);
    ASSERT_TRUE(outcome.sample);
    EXPECT_NEAR(outcome.sample->seconds, device.kernel_s + op.op.bytes / device.bytes_per_s, 1e-12);
    EXPECT_EQ(outcome.sample->noise, 0);
  }
  EXPECT_EQ(accelerator.recordings, 1);
}

TEST(DeviceOpBench, SaysWhatDoesNotFit) {
  FakeAccelerator small({.memory_bytes = 300e6});
  DeviceOpBench bench(small);
  ShapeJob job = job_for(Family::gpt, Precision::bf16, {.micro_batch = 4096});
  job.scenario.global_batch = 4096;
  int skipped = 0;
  for (const NeededOp& op : needed_ops({job})) {
    const OpOutcome outcome = bench.time(op);
    if (outcome.sample) continue;
    ++skipped;
    EXPECT_NE(outcome.reason.find("GiB"), std::string::npos) << outcome.reason;
  }
  EXPECT_GT(skipped, 0);
}

TEST(DeviceOpBench, SaysWhichPrecisionTheDeviceLacks) {
  FakeAccelerator accelerator({.has_fp16 = false});
  DeviceOpBench bench(accelerator);
  const std::vector<NeededOp> ops = needed_ops({job_for(Family::gpt, Precision::fp16)});
  EXPECT_THROW(bench.time(ops.front()), DeviceError);
}

}  // namespace
}  // namespace paraplan
