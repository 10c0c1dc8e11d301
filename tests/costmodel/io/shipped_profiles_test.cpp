#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "costmodel/io/profiles/profile_fields.h"
#include "costmodel/io/profiles/profiles.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;

// Every profile of a folder loads, and each of its values says where it comes from, in words of its own.
template <class Profile>
void expect_sources(const std::string& folder, Profile (*load)(const fs::path&)) {
  int profiles = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(fs::path(PARAPLAN_SOURCE_DIR) / folder)) {
    if (entry.path().extension() != ".toml") continue;
    Profile profile = load(entry.path());
    ++profiles;
    EXPECT_FALSE(profile.description.empty()) << entry.path();
    for (const ConstantField& field : profile_fields(profile).constants) {
      const Constant& constant = *field.constant;
      const bool absent = field.fallback && constant.value == field.unit.to_si(*field.fallback);
      EXPECT_TRUE(absent || !constant.source.empty()) << entry.path() << " " << field.key;
      EXPECT_EQ(constant.source.find("as above"), std::string::npos) << entry.path() << " " << field.key;
    }
  }
  EXPECT_GT(profiles, 1) << folder;
}

TEST(ShippedProfiles, EveryValueNamesItsSource) {
  expect_sources("profiles/hardware", load_hardware);
  expect_sources("profiles/hosts", load_host);
  expect_sources("profiles/networks", load_network);
  expect_sources("profiles/software", load_software);
}

TEST(ShippedProfiles, SamplesNameTheirs) {
  int samples = 0;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(fs::path(PARAPLAN_SOURCE_DIR) / "profiles/hardware")) {
    if (entry.path().extension() != ".toml") continue;
    const HardwareProfile profile = load_hardware(entry.path());
    for (const CollectiveSample& s : profile.node.samples) samples += s.source.empty() ? -1000000 : 1;
    for (const AttentionSample& s : profile.device.attention_samples)
      samples += s.source.empty() ? -1000000 : 1;
  }
  EXPECT_GT(samples, 100);
}

}  // namespace
}  // namespace paraplan
