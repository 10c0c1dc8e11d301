#include "executor/bench/device/device_profile.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "costmodel/cost_model.h"
#include "costmodel/io/profiles/profiles.h"
#include "costmodel/io/scenario_file.h"
#include "tests/executor/bench/fake_accelerator.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;

const char* const kDate = "2030-01-02T03:04:05Z";

Scenario llama() {
  Scenario s = load_scenario(fs::path(PARAPLAN_SOURCE_DIR) / "scenarios/llama2_7b_h200.toml");
  s.cluster.devices_per_node = 1;
  s.global_batch = 8;
  return s;
}

std::vector<ShapeJob> jobs_of(const Scenario& s) {
  std::vector<ShapeJob> jobs;
  for (const int64_t micro_batch : {1, 2, 4, 8}) jobs.push_back({s, {.micro_batch = micro_batch}});
  return jobs;
}

FakeDevice large_device() {
  return {.memory_bytes = 1e12, .cache_bytes = 50e6};
}

TEST(DeviceProfile, MeasuredOpsPriceAScenarioAlone) {
  Scenario s = llama();
  FakeAccelerator accelerator(large_device());
  const DeviceProfileReport report = profile_device(accelerator, {.shapes = jobs_of(s), .date = kDate});
  EXPECT_TRUE(report.choice.left_out.empty());
  EXPECT_LE(report.choice.worst_error, kInterpolationTolerance);
  const fs::path file = fs::temp_directory_path() / "paraplan_device_profile_test.toml";
  write_hardware(report.profile, file);
  s.hardware = load_hardware(file);
  EXPECT_EQ(s.hardware.device.op_samples, report.profile.device.op_samples);
  EXPECT_EQ(s.hardware.measured_on->machine, "NVIDIA Z100");
  EXPECT_EQ(s.hardware.measured_on->libraries, "driver 1.2, CUDA 13.0, 1500 MHz, memory 2500 MHz");
  CostModel model(s);
  for (const ShapeJob& job : jobs_of(s))
    for (const auto& stage : model.op_times(job.layout))
      for (const OpTime& op : stage)
        EXPECT_TRUE(op.key.walk == Walk::wait || op.origin <= PriceOrigin::interpolated)
            << to_string(op) << " of " << to_string(job.layout);
  fs::remove(file);
}

TEST(DeviceProfile, GoesOnWhereItWasInterrupted) {
  const Scenario s = llama();
  FakeAccelerator whole_run(large_device()), cut_run(large_device()), next_run(large_device());
  const DeviceProfileReport whole = profile_device(whole_run, {.shapes = jobs_of(s), .date = kDate});
  DeviceProfileJob job{.shapes = jobs_of(s), .date = kDate};
  HardwareProfile saved;
  int saves = 0;
  job.save = [&](const HardwareProfile& profile) { saved = profile, ++saves; };
  job.go_on = [&] { return saves < 30; };
  const DeviceProfileReport cut = profile_device(cut_run, job);
  EXPECT_EQ(saved.device.op_samples, cut.profile.device.op_samples);
  EXPECT_FALSE(cut.choice.left_out.empty());
  EXPECT_LT(cut.new_samples, whole.new_samples);

  const DeviceProfileReport rest =
      profile_device(next_run, {.shapes = jobs_of(s), .previous = &saved, .date = kDate});
  EXPECT_EQ(cut.new_samples + rest.new_samples, whole.new_samples);
  EXPECT_EQ(rest.profile.device.op_samples.size(), whole.profile.device.op_samples.size());
  EXPECT_EQ(rest.profile.device.memory_efficiency, saved.device.memory_efficiency);  // not measured again
  const DeviceProfileReport again =
      profile_device(next_run, {.shapes = jobs_of(s), .previous = &rest.profile, .date = kDate});
  EXPECT_EQ(again.new_samples, 0);
}

TEST(DeviceProfile, OutOfMemoryLeavesOutAndSaysSo) {
  FakeDevice device = large_device();
  device.memory_bytes = 3e9;
  FakeAccelerator accelerator(device);
  const DeviceProfileReport report = profile_device(accelerator, {.shapes = jobs_of(llama()), .date = kDate});
  ASSERT_FALSE(report.choice.left_out.empty());
  EXPECT_NE(report.choice.left_out.front().reason.find("GiB"), std::string::npos);
  EXPECT_GT(report.choice.measured, 0);
}

// Long enough for the processors' ticks.
TEST(DeviceProfile, CountsOtherUsersOfTheDevice) {
  FakeAccelerator accelerator(large_device());
  accelerator.others = 2;
  DeviceProfileJob job{.shapes = {}, .date = kDate};
  job.save = [&](const HardwareProfile&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
    accelerator.others = 1;
  };
  const DeviceProfileReport busy = profile_device(accelerator, job);
  ASSERT_TRUE(busy.load);
  EXPECT_EQ(busy.load->device_users, 2);  // at the beginning
  EXPECT_EQ(busy.profile.measured_on->load, busy.load);
}

DeviceConstants constants() {
  DeviceConstants c;
  c.info = {.name = "NVIDIA H200",
            .driver = "1",
            .libraries = "CUDA",
            .memory_bytes = 139.8 * 1024 * 1024 * 1024,
            .processors = 132};
  c.copy_bytes_per_s = 4.32e12, c.copied_bytes = 512 * 1024 * 1024;
  c.products[Precision::bf16] = {8192, 791.2e12};
  c.products[Precision::fp32] = {8192, 50e12};
  c.kernel_floor_s = 1.5e-6, c.launch_s = 3e-6, c.graph_launch_s = 1e-6;
  c.to_device_bytes_per_s = 55e9, c.to_host_bytes_per_s = 52e9;
  c.fixed_bytes = 5e8;
  return c;
}

TEST(DeviceProfile, KeepsADescribedPeakAndMeasuresWhatIsReachedOfIt) {
  const HardwareProfile described =
      load_hardware(fs::path(PARAPLAN_SOURCE_DIR) / "profiles/hardware/h200_sxm.toml");
  const HardwareProfile p = device_profile(constants(), &described, kDate);
  EXPECT_EQ(p.device.peak_bf16_flop_per_s, described.device.peak_bf16_flop_per_s);
  EXPECT_NEAR(p.device.gemm_efficiency, 0.8, 1e-12);    // 791.2 of 989 TFLOP/s
  EXPECT_NEAR(p.device.memory_efficiency, 0.9, 1e-12);  // 4.32 of 4.8 TB/s
  EXPECT_EQ(p.device.gemm_efficiency.provenance, Provenance::measured);
  EXPECT_NE(p.device.gemm_efficiency.source.find("2030-01-02"), std::string::npos);
  EXPECT_EQ(p.host.device_link_bytes_per_s, 52e9);  // the slower way
  EXPECT_EQ(p.host.kernel_launch_s, 3e-6);
  EXPECT_EQ(p.host.graph_launch_s, 1e-6);
  EXPECT_EQ(p.device.context_bytes, 5e8);
  EXPECT_EQ(p.node.devices, 8);
  EXPECT_EQ(p.node.link_bytes_per_s, described.node.link_bytes_per_s);
}

TEST(DeviceProfile, WithoutADescriptionTakesMeasuredRatesForPeaksAndSaysWhatIsAssumed) {
  const HardwareProfile p = device_profile(constants(), nullptr, kDate);
  EXPECT_EQ(p.device.peak_bf16_flop_per_s, 791.2e12);
  EXPECT_EQ(p.device.peak_fp16_flop_per_s, 0);  // not measured: not supported
  EXPECT_EQ(p.device.gemm_efficiency, 1);
  EXPECT_EQ(p.device.memory_efficiency, 1);
  EXPECT_EQ(p.device.overlap_slowdown.provenance, Provenance::assumed);
  EXPECT_EQ(p.node.topology, NodeTopology::none);
  EXPECT_EQ(p.host.memory_bytes, 0);
}

TEST(DeviceProfile, KnowsWhichProfileDescribesADevice) {
  const auto shipped = [](const char* name) {
    return load_hardware(fs::path(PARAPLAN_SOURCE_DIR) / "profiles/hardware" / name);
  };
  const AcceleratorInfo h200 = constants().info;
  EXPECT_TRUE(describes(shipped("h200_sxm.toml"), h200));
  EXPECT_FALSE(describes(shipped("h100_sxm.toml"), h200));
  AcceleratorInfo a100;
  a100.name = "NVIDIA A100-SXM4-40GB", a100.memory_bytes = 42.3e9, a100.processors = 108;
  EXPECT_TRUE(describes(shipped("a100_sxm_40.toml"), a100));
  EXPECT_FALSE(describes(shipped("a100_sxm_80.toml"), a100));
}

TEST(DeviceConstants, AreThoseOfTheDevice) {
  FakeDevice device = large_device();
  FakeAccelerator accelerator(device);
  DeviceOpBench bench(accelerator);
  const DeviceConstants c = measure_constants(bench);
  EXPECT_NEAR(c.copy_bytes_per_s / device.bytes_per_s, 1, 0.01);  // a kernel's start beside 1 ms
  EXPECT_NEAR(c.products.at(Precision::bf16).flop_per_s / device.flop_per_s, 1, 0.01);
  EXPECT_FALSE(c.products.contains(Precision::fp16));
  EXPECT_NEAR(c.kernel_floor_s, device.kernel_s, 1e-9);
  EXPECT_EQ(c.launch_s, 3e-6);
  EXPECT_EQ(c.graph_launch_s, 1e-6);  // 1 ms for a thousand kernels
  EXPECT_NEAR(c.to_device_bytes_per_s / 5e10, 1, 0.01);
  EXPECT_NEAR(c.to_host_bytes_per_s / 4e10, 1, 0.01);
  EXPECT_EQ(c.fixed_bytes, 5e8);
}

TEST(DeviceOptimizer, CountsTheBytesOfItsKernels) {
  FakeDevice device = large_device();
  FakeAccelerator accelerator(device);
  DeviceOpBench bench(accelerator);
  const auto always = [] { return true; };
  const std::vector<OpSample> samples = measure_device_optimizer(bench, Precision::bf16, 1e6, {}, always);
  // 2^14, 2^17, 2^20 parameters, two kernels each; the next size is more than eight times what is needed.
  ASSERT_EQ(samples.size(), 6u);
  for (const OpSample& s : samples)
    EXPECT_NEAR(s.seconds, device.kernel_s + s.bytes / device.bytes_per_s, 1e-12) << to_string(s.kind);
  EXPECT_EQ(samples[0].bytes, 4 * 16384);   // the norm reads fp32 gradients
  EXPECT_EQ(samples[1].bytes, 34 * 16384);  // four fp32 numbers both ways, and the rounded weight
  EXPECT_TRUE(measure_device_optimizer(bench, Precision::bf16, 1e6, samples, always).empty());
  EXPECT_EQ(measure_device_optimizer(bench, Precision::fp32, 1, {}, always)[1].bytes, 32 * 16384);
}

}  // namespace
}  // namespace paraplan
