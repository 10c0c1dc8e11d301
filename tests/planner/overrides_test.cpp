#include "planner/search/overrides.h"

#include <gtest/gtest.h>

#include "costmodel/base/input_error.h"
#include "costmodel/io/scenario_file.h"
#include "tests/planner/toy_scenario.h"

namespace paraplan {
namespace {

Scenario shipped() {
  return load_scenario(PARAPLAN_SOURCE_DIR "/scenarios/gpt3_175b_a100.toml");
}

std::string error_of(const Scenario& scenario, const std::vector<Override>& overrides) {
  try {
    apply_overrides(scenario, overrides, "command line");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(Overrides, SetSizes) {
  const Scenario changed = apply_overrides(
      toy_scenario(),
      {{"nodes", "3"}, {"seq_length", "512"}, {"global_batch", "64"}, {"price_per_device_hour", "2.5"}},
      "command line");
  EXPECT_EQ(changed.cluster.nodes, 3);
  EXPECT_EQ(changed.cluster.devices_per_node, 4);
  EXPECT_EQ(changed.seq_length, 512);
  EXPECT_EQ(changed.global_batch, 64);
  EXPECT_EQ(changed.cluster.price_per_device_hour, 2.5);
}

TEST(Overrides, DevicesArePartOfANodeOrWholeNodes) {
  const auto cluster_of = [](const char* devices) {
    return apply_overrides(toy_scenario(), {{"devices", devices}}, "command line").cluster;
  };
  EXPECT_EQ(cluster_of("3"), (Cluster{.nodes = 1, .devices_per_node = 3}));
  EXPECT_EQ(cluster_of("4"), (Cluster{.nodes = 1, .devices_per_node = 4}));
  EXPECT_EQ(cluster_of("20"), (Cluster{.nodes = 5, .devices_per_node = 4}));
  EXPECT_EQ(error_of(toy_scenario(), {{"devices", "6"}}),
            "command line: devices: must be at most the 4 devices of a node, or a multiple of them, is 6");
}

TEST(Overrides, ConstantsTakeTheUnitOfTheirKey) {
  const Scenario changed = apply_overrides(
      toy_scenario(),
      {{"hardware.device.memory_GiB", "40"}, {"network.nic_GBps", "25"}, {"software.host.launch_us", "7.5"}},
      "command line");
  EXPECT_EQ(changed.hardware.device.memory_bytes, 40 * 1073741824.0);
  EXPECT_EQ(changed.network.nic_bytes_per_s, 25e9);
  EXPECT_EQ(changed.software.host.launch_s, 7.5e-6);
}

TEST(Overrides, WarnOfAValueFarFromShippedOnes) {
  const auto warnings = [](const char* bandwidth) {
    return apply_overrides(toy_scenario(), {{"hardware.device.memory_bandwidth_GBps", bandwidth}},
                           "command line")
        .warnings;
  };
  EXPECT_EQ(warnings("3350"), std::vector<std::string>{});
  EXPECT_EQ(warnings("3.35"),
            std::vector<std::string>{
                "command line: hardware.device.memory_bandwidth_GBps: 3.35 GB/s is far below the 600 to 8000 "
                "GB/s of shipped profiles; the unit is GB/s"});
}

TEST(Overrides, ProfilesComeBeforeTheirConstants) {
  const Scenario changed = apply_overrides(
      shipped(), {{"hardware.device.memory_GiB", "17"}, {"hardware", "h100_sxm"}, {"network", "roce_100g"}},
      "command line");
  EXPECT_EQ(changed.hardware.name, "h100_sxm");
  EXPECT_EQ(changed.hardware.device.memory_bytes, 17 * 1073741824.0);
  EXPECT_EQ(changed.network.name, "roce_100g");
}

TEST(Overrides, SayWhatIsWrong) {
  const Scenario toy = toy_scenario();
  EXPECT_EQ(error_of(toy, {{"nodes", "two"}}),
            "command line: nodes: must be an integer from 1 to 2^40, is \"two\"");
  EXPECT_EQ(error_of(toy, {{"devices", "99999999999999"}}),
            "command line: devices: must be an integer from 1 to 2^40, is \"99999999999999\"");
  EXPECT_EQ(error_of(toy, {{"price_per_device_hour", "0"}}),
            "command line: price_per_device_hour: must be a number above 0, is \"0\"");
  EXPECT_NE(error_of(toy, {{"node", "2"}}).find("did you mean \"nodes\""), std::string::npos);
  EXPECT_NE(error_of(toy, {{"hardware.device.memory_GB", "2"}}).find("\"device.memory_GiB\""),
            std::string::npos);
  EXPECT_NE(error_of(toy, {{"hardware.device.memory_GiB", "-2"}}).find("above 0"), std::string::npos);
  EXPECT_NE(error_of(shipped(), {{"hardware", "h10_sxm"}}).find("\"h100_sxm\""), std::string::npos);
  EXPECT_NE(error_of(shipped(), {{"hardware", std::string(300, 'a')}}).find("there is no"),
            std::string::npos);
}

TEST(Overrides, KeysOfOtherProgramsAreHints) {
  const auto error = [](const std::string& key) {
    return error_of(toy_scenario(), {{key, "2"}}).substr(0, 120);
  };
  EXPECT_EQ(error("gbs").find("command line: gbs: cannot be varied; did you mean \"global_batch\"?"), 0U);
  EXPECT_EQ(error("tp").find("command line: tp: cannot be varied; \"tensor\" is part of a layout"), 0U);
  EXPECT_EQ(error("num_experts").find("command line: num_experts: cannot be varied; not supported yet: "),
            0U);
}

TEST(Overrides, AnUnknownKeyIsRefusedWithoutAValue) {
  EXPECT_NO_THROW(refuse_unknown_override("nodes", "command line"));
  EXPECT_NO_THROW(refuse_unknown_override("hardware", "command line"));
  EXPECT_NO_THROW(refuse_unknown_override("hardware.device.memory_GiB", "command line"));
  for (const char* key : {"node", "hardware.", "hardware.memory_GiB", "software.host", "cluster.nodes", ""})
    EXPECT_THROW(refuse_unknown_override(key, "command line"), InputError) << key;
}

TEST(Overrides, AJobThatCannotBeIsAnError) {
  EXPECT_EQ(error_of(toy_scenario(), {{"devices_per_node", "5"}}),
            "command line: devices_per_node: must be at most 4, the devices of a node of hardware \"toy "
            "device\", is 5");
  EXPECT_EQ(error_of(toy_scenario(), {{"global_batch", "4194304"}}),
            "command line: global_batch: counts samples, not tokens; must be at most 1048576, is 4194304");
}

}  // namespace
}  // namespace paraplan
