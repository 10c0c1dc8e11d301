#include "costmodel/io/profiles/profile_fields.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "costmodel/io/profiles/profiles.h"
#include "tests/costmodel/io/temporary_folder.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;

// A key, and the smallest of its usual values: a CPU has others than a GPU.
using UsualKey = std::pair<std::string, double>;

struct ShippedValues {
  UsualRange usual;
  double min = 0, max = 0;
};
using Shipped = std::map<UsualKey, ShippedValues>;

// The values that a profile states, zeros apart, each in its usual range.
void gather(const ProfileFields& fields, const std::string& file, Shipped& shipped) {
  constexpr double kRounding = 1e-9;
  for (const ConstantField& field : fields.constants) {
    const double value = field.unit.from_si(*field.constant);
    if (field.constant->source.empty() || value == 0) continue;
    EXPECT_GE(value, field.usual.min * (1 - kRounding)) << file << ": " << field.key;
    EXPECT_LE(value, field.usual.max * (1 + kRounding)) << file << ": " << field.key;
    ShippedValues& values =
        shipped.try_emplace({field.key, field.usual.min}, ShippedValues{field.usual, value, value})
            .first->second;
    values.min = std::min(values.min, value);
    values.max = std::max(values.max, value);
  }
}

template <class Profile>
Shipped gather(const char* kind, Profile (*load)(const fs::path&)) {
  Shipped shipped;
  for (const auto& entry : fs::directory_iterator(fs::path(PARAPLAN_SOURCE_DIR) / "profiles" / kind)) {
    if (entry.path().extension() != ".toml") continue;
    Profile profile = load(entry.path());
    EXPECT_EQ(profile.warnings, std::vector<std::string>{});
    gather(profile_fields(profile), entry.path().filename().string(), shipped);
  }
  return shipped;
}

// A range that is wider than what is shipped, by the factor that a warning leaves anyway, says nothing.
void expect_no_wider_than_shipped(const Shipped& shipped) {
  for (const auto& [key, values] : shipped) {
    EXPECT_GE(values.usual.min * kUnusualFactor, values.min) << key.first;
    EXPECT_LE(values.usual.max, values.max * kUnusualFactor) << key.first;
  }
}

void expect_shipped(const ProfileFields& fields, const Shipped& shipped) {
  for (const ConstantField& field : fields.constants) {
    if (field.usual.max == 0) continue;
    EXPECT_TRUE(shipped.contains({field.key, field.usual.min})) << field.key;
  }
}

TEST(UsualRanges, AreThoseOfTheShippedHardware) {
  const Shipped shipped = gather("hardware", load_hardware);
  expect_no_wider_than_shipped(shipped);
  HardwareProfile profile;
  expect_shipped(profile_fields(profile), shipped);
  profile.device.asynchronous_launch = false;
  expect_shipped(profile_fields(profile), shipped);
}

TEST(UsualRanges, AreThoseOfTheShippedNetworks) {
  const Shipped shipped = gather("networks", load_network);
  expect_no_wider_than_shipped(shipped);
  Network network;
  expect_shipped(profile_fields(network), shipped);
}

TEST(UsualRanges, AreThoseOfTheShippedSoftware) {
  const Shipped shipped = gather("software", load_software);
  expect_no_wider_than_shipped(shipped);
  SoftwareProfile software;
  expect_shipped(profile_fields(software), shipped);
}

TEST(UnusualValue, IsFarOutside) {
  const UsualRange usual{10, 100};
  EXPECT_EQ(unusual_value(2, usual, "GB/s"), std::nullopt);
  EXPECT_EQ(unusual_value(500, usual, "GB/s"), std::nullopt);
  EXPECT_EQ(unusual_value(1.9, usual, "GB/s"),
            "1.9 GB/s is far below the 10 to 100 GB/s of shipped profiles; the unit is GB/s");
  EXPECT_EQ(unusual_value(501, usual, ""), "501 is far above the 10 to 100 of shipped profiles");
  EXPECT_EQ(unusual_value(0, usual, ""), std::nullopt);
  EXPECT_EQ(unusual_value(1e9, UsualRange{}, ""), std::nullopt);
}

class UnusualValues : public testing::Test {
 protected:
  // The warnings of the hardware profile with a value in place of its memory bandwidth of 900 GB/s.
  std::vector<std::string> warnings(const std::string& bandwidth, const std::string& before = "",
                                    const std::string& kind = "datasheet") {
    std::string text = replaced(hardware_text(), "value = 900, kind = \"datasheet\"",
                                "value = " + bandwidth + ", kind = \"" + kind + "\"");
    text = replaced(text, "[device]\n", "[device]\n" + before);
    std::vector<std::string> warnings = load_hardware(folder_.write("h.toml", text)).warnings;
    for (std::string& warning : warnings)
      if (warning.starts_with(folder_.path().string())) warning.erase(0, folder_.path().string().size() + 1);
    return warnings;
  }

  TemporaryFolder folder_;
};

TEST_F(UnusualValues, NameFileLineKeyAndUnit) {
  EXPECT_EQ(warnings("3350"), std::vector<std::string>{});
  EXPECT_EQ(warnings("3.35"),
            std::vector<std::string>{"h.toml:4: device.memory_bandwidth_GBps: 3.35 GB/s is far below the 600 "
                                     "to 8000 GB/s of shipped profiles; the unit is GB/s"});
  EXPECT_EQ(warnings("335000").size(), 1U);
}

TEST_F(UnusualValues, OfACpuAreOthers) {
  const auto of_bandwidth = [&](const std::string& value) {
    return std::ranges::count_if(warnings(value, "asynchronous_launch = false\n"), [](const auto& warning) {
      return warning.find("memory_bandwidth_GBps") != std::string::npos;
    });
  };
  EXPECT_EQ(of_bandwidth("20"), 0);
  EXPECT_EQ(of_bandwidth("0.1"), 1);
}

TEST_F(UnusualValues, ThatWereMeasuredHereAreNotTyped) {
  EXPECT_EQ(warnings("20", "", "measured").size(), 1U);
  const std::string here =
      "[measured_on]\nmachine = \"m\"\nlibraries = \"l\"\ntransport = \"t\"\ndate = \"d\"\n[device]\n";
  const std::string text = replaced(
      replaced(hardware_text(), "value = 900, kind = \"datasheet\"", "value = 20, kind = \"measured\""),
      "[device]\n", here);
  EXPECT_EQ(load_hardware(folder_.write("h.toml", text)).warnings, std::vector<std::string>{});
}

TEST_F(UnusualValues, OfNetworkAndSoftwareWarnToo) {
  const auto network = folder_.write("n.toml", replaced(network_text(), "value = 12.5,", "value = 0.1,"));
  ASSERT_EQ(load_network(network).warnings.size(), 1U);
  EXPECT_NE(load_network(network).warnings[0].find("n.toml:2: nic_GBps: 0.1 GB/s"), std::string::npos);
  const auto software = folder_.write("s.toml", replaced(software_text(), "value = 7,", "value = 7000,"));
  ASSERT_EQ(load_software(software).warnings.size(), 1U);
  EXPECT_NE(load_software(software).warnings[0].find("s.toml:6: host.launch_us: 7000 us"), std::string::npos);
}

}  // namespace
}  // namespace paraplan
