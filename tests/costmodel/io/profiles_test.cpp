#include "costmodel/io/profiles/profiles.h"

#include <gtest/gtest.h>

#include "costmodel/io/profiles/profile_fields.h"
#include "tests/costmodel/io/temporary_folder.h"

namespace paraplan {
namespace {

class Profiles : public testing::Test {
 protected:
  HardwareProfile hardware(const std::string& text) { return load_hardware(folder_.write("h.toml", text)); }
  std::string hardware_error(const std::string& from, const std::string& to) {
    return folder_.error_of([&] { hardware(replaced(hardware_text(), from, to)); });
  }
  std::string network_error(const std::string& from, const std::string& to) {
    const auto file = folder_.write("n.toml", replaced(network_text(), from, to));
    return folder_.error_of([&] { load_network(file); });
  }
  std::string software_error(const std::string& from, const std::string& to) {
    const auto file = folder_.write("s.toml", replaced(software_text(), from, to));
    return folder_.error_of([&] { load_software(file); });
  }

  TemporaryFolder folder_;
};

TEST_F(Profiles, HardwareIsReadInSiUnits) {
  const HardwareProfile profile = hardware(hardware_text());
  EXPECT_EQ(profile.name, "h");
  EXPECT_EQ(profile.description, "a mesh of two");
  EXPECT_EQ(profile.device.memory_bytes, 16.0 * 1024 * 1024 * 1024);
  EXPECT_EQ(profile.device.memory_bytes_per_s, 900e9);
  EXPECT_EQ(profile.device.peak_fp16_flop_per_s, 112.5e12);
  EXPECT_EQ(profile.device.kernel_floor_s, 3e-6);
  EXPECT_EQ(profile.node.topology, NodeTopology::mesh);
  EXPECT_EQ(profile.node.devices, 2);
  EXPECT_EQ(profile.node.pairs, (std::vector<LinkPair>{{0, 1, 2}}));
  EXPECT_EQ(profile.node.latency_s, 20e-6);
}

TEST_F(Profiles, AConstantKeepsItsOrigin) {
  const Constant expected{0.7, Provenance::fitted, "three rows", 0.02, {"a.tsv", "b.tsv"}, 0.8};
  EXPECT_EQ(hardware(hardware_text()).device.gemm_efficiency, expected);
}

TEST_F(Profiles, AbsentHardwareValuesTakeTheirDefaults) {
  const HardwareProfile profile = hardware(hardware_text());
  EXPECT_EQ(profile.device.peak_bf16_flop_per_s, 0);
  EXPECT_EQ(profile.device.flash_forward_efficiency, 0);
  EXPECT_EQ(profile.device.clock_hz, 0);
  EXPECT_TRUE(profile.device.asynchronous_launch);
  EXPECT_EQ(profile.host.memory_bytes, 0);
}

TEST_F(Profiles, NetworkIsReadInSiUnits) {
  const Network network = load_network(folder_.write("roce.toml", network_text()));
  EXPECT_EQ(network.name, "roce");
  EXPECT_EQ(network.nics_per_node, 4);
  EXPECT_EQ(network.nic_bytes_per_s, 12.5e9);
  EXPECT_EQ(network.latency_s, 30e-6);
  EXPECT_EQ(network.straggler, 0);
}

TEST_F(Profiles, SoftwareIsReadInSiUnits) {
  const SoftwareProfile profile = load_software(folder_.write("s.toml", software_text()));
  EXPECT_EQ(profile.stage_balance, StageBalance::layers);
  EXPECT_FALSE(profile.fusion.softmax);
  EXPECT_TRUE(profile.fusion.bias_gelu);
  EXPECT_EQ(profile.host.launch_s, 7e-6);
  EXPECT_EQ(profile.host.launch_s.standard_error, 0.5e-6);
  EXPECT_EQ(profile.host.micro_batch_s, 2e-3);
  EXPECT_EQ(profile.communication.gradient_reduction, GradientReduction::overlapped);
  EXPECT_EQ(profile.communication.bucket_bytes, 25e6);
  EXPECT_EQ(profile.memory.fixed_bytes, 100.0 * 1024 * 1024);
}

TEST_F(Profiles, RefusesBrokenConstants) {
  const std::string floor = "kernel_floor_us = { value = 3, kind = \"measured\", source = \"empty kernel\" }";
  const auto error = [&](const std::string& value) {
    return hardware_error(floor, "kernel_floor_us = " + value);
  };
  EXPECT_EQ(error("3"),
            "h.toml:13: device.kernel_floor_us: must be { value = NUMBER, kind = \"KIND\", source = \"WHERE "
            "IT COMES "
            "FROM\" }");
  EXPECT_EQ(error("{ value = 3, kind = \"measured\" }"),
            "h.toml:13: device.kernel_floor_us.source: missing; must be a string");
  EXPECT_EQ(error("{ value = 3, kind = \"measured\", source = \"\" }"),
            "h.toml:13: device.kernel_floor_us.source: must not be empty");
  EXPECT_EQ(
      error("{ value = 3, kind = \"guessed\", source = \"x\" }"),
      "h.toml:13: device.kernel_floor_us.kind: \"guessed\" is none of assumed, datasheet, inferred, fitted, "
      "tuned, measured");
  EXPECT_EQ(
      error("{ value = \"3\", kind = \"measured\", source = \"x\" }"),
      "h.toml:13: device.kernel_floor_us.value: must be a number from 0, at most 10000000, is a string");
  EXPECT_EQ(error("{ value = -3, kind = \"measured\", source = \"x\" }"),
            "h.toml:13: device.kernel_floor_us.value: must be a number from 0, at most 10000000, is -3");
  EXPECT_EQ(error("{ value = inf, kind = \"measured\", source = \"x\" }"),
            "h.toml:13: device.kernel_floor_us.value: must be a number from 0, at most 10000000, is inf");
  EXPECT_EQ(error("{ value = 3, kind = \"measured\", source = \"x\", standard_error = 1 }"),
            "h.toml:13: device.kernel_floor_us.standard_error: belongs to kind = \"fitted\", the kind is "
            "\"measured\"");
  EXPECT_EQ(error("{ value = 3, kind = \"tuned\", source = \"x\", prior = 2 }"),
            "h.toml:13: device.kernel_floor_us.tables: missing; must be file names of the measured rows that "
            "were looked at");
  EXPECT_EQ(
      error("{ value = 3, kind = \"fitted\", source = \"x\", tables = [\"a.tsv\"] }"),
      "h.toml:13: device.kernel_floor_us.prior: missing; must be a number: the value without these rows");
  EXPECT_EQ(
      error("{ value = 3, kind = \"inferred\", source = \"x\", tables = [\"a.tsv\"] }"),
      "h.toml:13: device.kernel_floor_us.tables: belongs to kind = \"fitted\" or \"tuned\", the kind is "
      "\"inferred\"");
  EXPECT_EQ(error("{ value = 3, kind = \"tuned\", source = \"x\", tables = [\"a.tsv\"], prior = 2, "
                  "standard_error = 1 }"),
            "h.toml:13: device.kernel_floor_us.standard_error: belongs to kind = \"fitted\", the kind is "
            "\"tuned\"");
  EXPECT_EQ(error("{ value = 3, kind = \"measured\", sorce = \"x\" }"),
            "h.toml:13: device.kernel_floor_us.sorce: unknown key; did you mean \"source\"?");
}

TEST_F(Profiles, RefusesAnotherUnitInTheKey) {
  EXPECT_EQ(hardware_error("memory_GiB", "memory_GB"),
            "h.toml:3: device.memory_GB: unknown key; did you mean \"memory_GiB\"?");
  EXPECT_EQ(hardware_error("latency_us", "latency_ms"),
            "h.toml:22: node.latency_ms: unknown key; did you mean \"latency_us\"?");
}

TEST_F(Profiles, RefusesBytesWhereTheKeySaysGigabytes) {
  EXPECT_EQ(hardware_error("value = 900,", "value = 900e9,"),
            "h.toml:4: device.memory_bandwidth_GBps.value: must be a number above 0, at most 1000000, is "
            "900000000000");
}

TEST_F(Profiles, KeepsFractionsAndFactorsInTheirBounds) {
  EXPECT_EQ(hardware_error("value = 0.8,", "value = 80,"),
            "h.toml:5: device.memory_efficiency.value: must be a number above 0, at most 1, is 80");
  EXPECT_EQ(hardware_error("value = 0.8,", "value = 0,"),
            "h.toml:5: device.memory_efficiency.value: must be a number above 0, at most 1, is 0");
  EXPECT_EQ(hardware_error("value = 1.1,", "value = 0.9,"),
            "h.toml:14: device.overlap_slowdown.value: must be a number from 1, at most 100, is 0.9");
  EXPECT_EQ(software_error("value = 1.05,", "value = 0.5,"),
            "s.toml:30: memory.reserve_factor.value: must be a number from 1, at most 100, is 0.5");
  EXPECT_EQ(network_error("value = 12.5,", "value = 0,"),
            "n.toml:2: nic_GBps.value: must be a number above 0, at most 1000000, is 0");
}

TEST_F(Profiles, NamesMissingConstantsAndWords) {
  EXPECT_EQ(
      network_error("hop_us = { value = 5, kind = \"assumed\", source = \"guess\" }\n", ""),
      "n.toml: hop_us: missing; must be a constant: { value = NUMBER, kind = \"KIND\", source = \"WHERE IT "
      "COMES FROM\" }");
  EXPECT_EQ(software_error("gradient_reduction = \"overlapped\"\n", ""),
            "s.toml:23: communication.gradient_reduction: missing; must be one of after, overlapped");
  EXPECT_EQ(
      software_error("\"overlapped\"", "\"overlap\""),
      "s.toml:24: communication.gradient_reduction: \"overlap\" is none of after, overlapped; did you mean "
      "\"overlapped\"?");
  EXPECT_EQ(software_error("softmax = false", "softmax = 0"),
            "s.toml:4: fusion.softmax: must be true or false, is an integer");
}

TEST_F(Profiles, NeedsAPeak) {
  EXPECT_EQ(
      hardware_error("value = 112.5,", "value = 0,"),
      "h.toml:6: device.peak_fp16_TFLOPs: at least one of the peaks (fp16, bf16, fp32) must be above 0");
}

TEST_F(Profiles, FlashAttentionNeedsBothDirections) {
  EXPECT_EQ(hardware_error("[node]",
                           "flash_backward_efficiency = { value = 0.4, kind = \"assumed\", source = \"x\" }"
                           "\n[node]"),
            "h.toml:2: device.flash_forward_efficiency: give both flash_forward_efficiency and "
            "flash_backward_efficiency");
}

TEST_F(Profiles, HostMemoryNeedsTheRatesOfOffloading) {
  EXPECT_EQ(
      hardware_error("[node]",
                     "[host]\nmemory_GiB = { value = 64, kind = \"assumed\", source = \"x\" }\n[node]"),
      "h.toml:15: host.device_link_GBps: must be above 0, because host.memory_GiB offers room for offloaded "
      "state");
}

TEST_F(Profiles, NodeValuesFollowTheTopology) {
  EXPECT_EQ(hardware_error("\"mesh\"", "\"switched\""),
            "h.toml:18: node.pairs: has no meaning for topology \"switched\"");
  EXPECT_EQ(hardware_error("pairs = [\"0-1:2\"]\n", ""),
            "h.toml:15: node.pairs: missing; needed for topology \"mesh\"");
  EXPECT_EQ(hardware_error("\"mesh\"", "\"none\""),
            "h.toml:17: node.devices: must be 1 for topology \"none\", is 2");
}

TEST_F(Profiles, RefusesBrokenPairs) {
  for (const char* pair : {"0-1", "0:1", "0-2:1", "0-0:1", "0-1:0", "-1-1:1", "a-b:1", "0-1:2:3"}) {
    EXPECT_EQ(
        hardware_error("\"0-1:2\"", std::string("\"") + pair + "\""),
        std::string("h.toml:18: node.pairs: \"") + pair +
            "\" must be A-B:LINKS, two different devices from 0 to 1 and their bonded links, like \"0-1:2\"");
  }
  EXPECT_EQ(hardware_error("\"0-1:2\"", "\"0-1:2\", \"1-0:1\""),
            "h.toml:18: node.pairs: names the pair 1-0 twice");
}

TEST_F(Profiles, ReadsKernelSamplesBesideTheProfile) {
  folder_.write("g.tsv",
                "precision\tm\tn\tk\tbatch\tseconds\tsource\n"
                "fp16\t1024\t2048\t4096\t\t2.5e-4\tbench\n");
  const HardwareProfile profile = hardware("gemm_samples = \"g.tsv\"\n" + hardware_text());
  EXPECT_EQ(profile.device.gemm_samples,
            (std::vector<GemmSample>{{Precision::fp16, 1024, 2048, 4096, 1, 2.5e-4, "bench"}}));
  EXPECT_EQ(hardware_error("[device]", "gemm_samples = \"x.tsv\"\n[device]"),
            "h.toml:2: gemm_samples: there is no x.tsv");
}

TEST_F(Profiles, RefusesBrokenKernelSamples) {
  const auto error = [&](const std::string& row) {
    folder_.write("g.tsv", "precision\tm\tn\tk\tseconds\tsource\n" + row + "\n");
    return folder_.error_of([&] { hardware("gemm_samples = \"g.tsv\"\n" + hardware_text()); });
  };
  EXPECT_EQ(error("fp8\t1\t1\t1\t1\tx"), "g.tsv:2: precision: \"fp8\" is none of fp16, bf16, fp32, fp64");
  EXPECT_EQ(error("fp16\t0\t1\t1\t1\tx"), "g.tsv:2: m: must be an integer from 1 to 2^40, is \"0\"");
  EXPECT_EQ(error("fp16\t1\t\t1\t1\tx"), "g.tsv:2: n: must be an integer from 1 to 2^40, is empty");
  EXPECT_EQ(error("fp16\t1\t1\t1\t-1\tx"), "g.tsv:2: seconds: must be a number above 0, is \"-1\"");
  EXPECT_EQ(error("fp16\t1\t1\t1\t1\t"), "g.tsv:2: source: must say where the time comes from, is empty");
  EXPECT_EQ(error("fp16\t1\t1\t1\t1"), "g.tsv:2: has 5 tab-separated cells, the header has 6");
}

TEST_F(Profiles, ConstantsAreFoundByTheirKeyPath) {
  SoftwareProfile software;
  EXPECT_EQ(find_constant(software, "host.launch_us"), &software.host.launch_s);
  EXPECT_EQ(find_constant(software, "memory.reserve_factor"), &software.memory.reserve_factor);
  EXPECT_EQ(find_constant(software, "launch_us"), nullptr);
  HardwareProfile hardware_profile;
  EXPECT_EQ(find_constant(hardware_profile, "node.hop_us"), &hardware_profile.node.hop_s);
  Network network;
  EXPECT_EQ(find_constant(network, "straggler"), &network.straggler);
}

// A member left out of the description would be read as 0 and written nowhere. The structs hold constants and
// less than one constant's size of other members, so their sizes give the number of constants.
TEST_F(Profiles, EveryConstantAndFusionFlagHasAKey) {
  SoftwareProfile software;
  const size_t in_software = sizeof(HostCost) / sizeof(Constant) + sizeof(StateBytes) / sizeof(Constant) +
                             sizeof(OptimizerCost) / sizeof(Constant) +
                             sizeof(Communication) / sizeof(Constant) +
                             sizeof(FrameworkMemory) / sizeof(Constant);
  EXPECT_EQ(constant_keys(profile_fields(software)).size(), in_software);
  HardwareProfile hardware_profile;
  EXPECT_EQ(constant_keys(profile_fields(hardware_profile)).size(),
            (sizeof(Device) - sizeof(std::vector<GemmSample>) - sizeof(std::vector<AttentionSample>) -
             sizeof(std::vector<OpSample>)) /
                    sizeof(Constant) +
                sizeof(Host) / sizeof(Constant) +
                (sizeof(NodeLinks) - sizeof(std::vector<LinkPair>) - sizeof(std::vector<CollectiveSample>)) /
                    sizeof(Constant));
  Network network;
  EXPECT_EQ(
      constant_keys(profile_fields(network)).size(),
      (sizeof(Network) - 2 * sizeof(std::string) - sizeof(network.calibration) - sizeof(network.warnings)) /
          sizeof(Constant));
  size_t fusion_flags = 0;
  for (const FlagField& field : profile_fields(software).flags)
    fusion_flags += field.key.starts_with("fusion.");
  EXPECT_EQ(fusion_flags, sizeof(Fusion) - sizeof(AttentionKernel));  // bools beside it
}

}  // namespace
}  // namespace paraplan
