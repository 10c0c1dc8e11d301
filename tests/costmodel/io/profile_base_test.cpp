#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "costmodel/io/files/files.h"
#include "costmodel/io/profiles/profiles.h"
#include "costmodel/io/scenario_file.h"
#include "tests/costmodel/io/scenario_tree.h"

namespace paraplan {
namespace {

class ProfileBase : public testing::Test {
 protected:
  HardwareProfile hardware(const std::string& text) {
    return load_hardware(folder_.write("profiles/hardware/card.toml", text));
  }
  std::string error_of(const std::string& text) {
    return folder_.error_of([&] { hardware(text); });
  }

  TemporaryFolder folder_;
};

constexpr const char* kMoreMemory = R"(base = "h"
[device]
memory_GiB = { value = 32, kind = "datasheet", source = "maker" }
)";

TEST_F(ProfileBase, GivesAllThatTheFileDoesNotSay) {
  folder_.write("profiles/hardware/h.toml", hardware_text());
  HardwareProfile card = hardware(kMoreMemory);
  const HardwareProfile base = load_hardware(folder_.path() / "profiles/hardware/h.toml");
  EXPECT_EQ(card.name, "card");
  EXPECT_EQ(card.description, base.description);
  EXPECT_EQ(card.device.memory_bytes, 2 * base.device.memory_bytes);
  EXPECT_EQ(card.device.gemm_efficiency, base.device.gemm_efficiency);
  EXPECT_EQ(card.node.pairs, base.node.pairs);
  EXPECT_EQ(card.node.devices, base.node.devices);
  EXPECT_EQ(card.files, (std::vector<std::string>{(folder_.path() / "profiles/hardware/card.toml").string(),
                                                  (folder_.path() / "profiles/hardware/h.toml").string()}));
}

TEST_F(ProfileBase, MayHaveABaseAndLieBesideTheFile) {
  folder_.write("profiles/hardware/h.toml", hardware_text());
  folder_.write("middle.toml", kMoreMemory);
  const HardwareProfile last = load_hardware(folder_.write(
      "last.toml", "base = \"middle.toml\"\ndescription = \"the last\"\n[node]\ndevices = 3\n"));
  EXPECT_EQ(last.description, "the last");
  EXPECT_EQ(last.node.devices, 3);
  EXPECT_EQ(last.device.memory_bytes, 32.0 * 1024 * 1024 * 1024);
  EXPECT_EQ(last.files.size(), 3U);
}

// Samples are of one machine.
TEST_F(ProfileBase, DoesNotGiveItsSamples) {
  folder_.write("profiles/hardware/h.gemm.tsv",
                "precision\tm\tn\tk\tbatch\tseconds\tsource\nfp16\t64\t64\t64\t1\t1e-5\tx\n");
  folder_.write("profiles/hardware/h.toml", "gemm_samples = \"h.gemm.tsv\"\n" + hardware_text());
  EXPECT_TRUE(hardware(kMoreMemory).device.gemm_samples.empty());
  EXPECT_EQ(hardware(std::string("gemm_samples = \"h.gemm.tsv\"\n") + kMoreMemory).device.gemm_samples.size(),
            1U);
}

TEST_F(ProfileBase, ErrorsNameTheFileThatIsWrong) {
  folder_.write("profiles/hardware/h.toml", replaced(hardware_text(), "value = 0.8,", "value = 80,"));
  EXPECT_EQ(error_of(kMoreMemory),
            "profiles/hardware/h.toml:5: device.memory_efficiency.value: must be a number above 0, at most "
            "1, is 80");
  folder_.write("profiles/hardware/h.toml", hardware_text());
  EXPECT_EQ(error_of("base = \"h\"\n[device]\nmemory_GB = 3\n"),
            "profiles/hardware/card.toml:3: device.memory_GB: unknown key; did you mean \"memory_GiB\"?");
  EXPECT_TRUE(error_of("base = \"hh\"\n")
                  .starts_with("profiles/hardware/card.toml:1: base: there is no hh.toml in "));
  EXPECT_EQ(error_of("base = \"h\"\n[node]\ntopology = \"switched\"\n"),
            "profiles/hardware/card.toml:2: node.pairs: has no meaning for topology \"switched\"");
}

TEST_F(ProfileBase, RefusesACircle) {
  folder_.write("profiles/hardware/a.toml", "base = \"b\"\n");
  const auto b = folder_.write("profiles/hardware/b.toml", "base = \"a\"\n");
  const std::string error = folder_.error_of([&] { load_hardware(b); });
  EXPECT_TRUE(error.starts_with("profiles/hardware/a.toml:1: base: ")) << error;
  EXPECT_TRUE(error.ends_with("b.toml is based on itself")) << error;
}

TEST_F(ProfileBase, IsNotNeededByWhatIsWritten) {
  folder_.write("profiles/software/s.toml", software_text());
  const SoftwareProfile software = load_software(folder_.write(
      "mine.toml",
      "base = \"s\"\n[host]\nstep_ms = { value = 3, kind = \"assumed\", source = \"guess\" }\n"));
  const auto file = folder_.path() / "whole.toml";
  write_software(software, file);
  EXPECT_EQ(read_text_file(file).find("base"), std::string::npos);
  const SoftwareProfile again = load_software(file);
  EXPECT_EQ(again.host.step_s, 3e-3);
  EXPECT_EQ(again.host.launch_s, software.host.launch_s);
  EXPECT_EQ(again.files.size(), 1U);
}

TEST(Scenarios, NameAHostAndListTheBasesOfTheirProfiles) {
  const ScenarioTree tree;
  tree.write("profiles/hosts/slow.toml",
             "time_scale = { value = 2, kind = \"assumed\", source = \"guess\" }\n");
  tree.write("profiles/hosts/slower.toml", "base = \"slow\"\n");
  tree.write("jobs/a.toml", "host = \"slower\"\n" + scenario_text());
  const Scenario scenario = load_scenario(tree.scenario(), {});
  EXPECT_EQ(scenario.host.name, "slower");
  EXPECT_DOUBLE_EQ(launch_times(scenario).forward_s, 14e-6);
  int hosts = 0;
  for (const std::string& file : scenario.files) hosts += file.find("profiles/hosts/") != std::string::npos;
  EXPECT_EQ(hosts, 2);
}

}  // namespace
}  // namespace paraplan
