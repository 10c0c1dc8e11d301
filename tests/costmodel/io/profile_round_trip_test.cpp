#include <gtest/gtest.h>

#include <stdexcept>

#include "costmodel/io/files/files.h"
#include "costmodel/io/profiles/profile_fields.h"
#include "costmodel/io/profiles/profiles.h"
#include "tests/costmodel/io/temporary_folder.h"

namespace paraplan {
namespace {

template <class Profile>
std::vector<Constant> constants_of(Profile profile) {
  std::vector<Constant> constants;
  for (const ConstantField& field : profile_fields(profile).constants) constants.push_back(*field.constant);
  return constants;
}

template <class Profile>
std::string plain_values_of(Profile profile) {
  std::string values;
  const ProfileFields fields = profile_fields(profile);
  for (const FlagField& field : fields.flags) values += *field.flag ? '1' : '0';
  for (const WordField& field : fields.words) values += " " + field.get();
  return values;
}

class ProfileRoundTrip : public testing::Test {
 protected:
  // Writing a loaded profile gives the same profile, and the same bytes every time.
  template <class Profile>
  Profile expect_round_trip(const std::string& text, Profile (*load)(const std::filesystem::path&),
                            void (*write)(const Profile&, const std::filesystem::path&)) {
    const Profile original = load(folder_.write("p.toml", text));
    const std::filesystem::path again = folder_.path() / "again" / "p.toml";
    std::filesystem::create_directories(again.parent_path());
    write(original, again);
    const Profile copy = load(again);
    EXPECT_EQ(constants_of(copy), constants_of(original));
    EXPECT_EQ(plain_values_of(copy), plain_values_of(original));
    EXPECT_EQ(copy.name, original.name);
    const std::string bytes = read_text_file(again);
    write(copy, again);
    EXPECT_EQ(read_text_file(again), bytes);
    return copy;
  }

  TemporaryFolder folder_;
};

// The profile and its tables are one set, wherever a link to it is.
TEST_F(ProfileRoundTrip, BehindALinkTheTablesLieBesideTheFile) {
  namespace fs = std::filesystem;
  HardwareProfile profile = load_hardware(folder_.write("p.toml", hardware_text()));
  profile.device.gemm_samples = {{Precision::fp32, 8, 8, 8, 1, 1e-6, "made up"}};
  fs::create_directories(folder_.path() / "store");
  const fs::path link = folder_.path() / "mine.toml";
  fs::create_symlink("store/new.toml", link);
  write_hardware(profile, link);
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_TRUE(fs::exists(folder_.path() / "store/new.toml"));
  EXPECT_TRUE(fs::exists(folder_.path() / "store/new.gemm.tsv"));
  EXPECT_FALSE(fs::exists(folder_.path() / "mine.gemm.tsv"));
  for (const fs::path& file : {link, folder_.path() / "store/new.toml"})
    EXPECT_EQ(load_hardware(file).device.gemm_samples.size(), 1U) << file;
}

TEST_F(ProfileRoundTrip, Hardware) {
  folder_.write("g.tsv", "precision\tm\tn\tk\tbatch\tseconds\tsource\nbf16\t1\t2\t3\t4\t1.1e-05\tx, y\n");
  const std::string text = "gemm_samples = \"g.tsv\"\n" + hardware_text();
  const HardwareProfile copy = expect_round_trip(text, load_hardware, write_hardware);
  EXPECT_EQ(copy.description, "a mesh of two");
  EXPECT_EQ(copy.node.devices, 2);
  EXPECT_EQ(copy.node.pairs, (std::vector<LinkPair>{{0, 1, 2}}));
  EXPECT_EQ(copy.device.gemm_samples,
            (std::vector<GemmSample>{{Precision::bf16, 1, 2, 3, 4, 1.1e-5, "x, y"}}));
}

TEST_F(ProfileRoundTrip, MeasuredSamples) {
  HardwareProfile profile = load_hardware(folder_.write("p.toml", hardware_text()));
  profile.device.op_samples = {
      {Precision::fp64, OpKind::gemm, Derivative::weight, 64, 128, 256, 1, 0, false, false, 4, 1.0 / 3, 0.1},
      {Precision::bf16, OpKind::flash_attention, Derivative::data, 64, 64, 128, 32, 8192, true, true, 1, 1e-5,
       0},
      {Precision::bf16, OpKind::dropout, Derivative::none, 0, 0, 0, 1, 1e9 / 7, true, false, 1, 2e-5, 0}};
  profile.node.samples = {{CollectiveSample::Kind::send, 2, 4096, 1e-6 / 3, 0.25}};
  profile.measured_on = {"a \"quoted\" processor, 2 cores", "BLAS 1.2", "threads", "2024-02-29T12:00:00Z"};
  write_hardware(profile, folder_.path() / "q.toml");
  const HardwareProfile copy = load_hardware(folder_.path() / "q.toml");
  EXPECT_EQ(copy.device.op_samples, profile.device.op_samples);
  EXPECT_EQ(copy.node.samples, profile.node.samples);
  EXPECT_EQ(copy.measured_on, profile.measured_on);
  profile.measured_on->load = {.ranks = 2, .cores = 8, .others_cores = 0.1, .steal_share = 0};
  for (const std::optional<int64_t> users : {std::optional<int64_t>{}, std::optional<int64_t>{1}}) {
    profile.measured_on->load->device_users = users;
    write_hardware(profile, folder_.path() / "q.toml");
    EXPECT_EQ(load_hardware(folder_.path() / "q.toml").measured_on, profile.measured_on);
  }
}

TEST_F(ProfileRoundTrip, FixedCosts) {
  const std::string text = replaced(
      replaced(hardware_text(), "[node]\n",
               "[host]\n"
               "kernel_launch_us = { value = 2.5, kind = \"measured\", source = \"empty kernels\" }\n"
               "graph_launch_us = { value = 0.7, kind = \"measured\", source = \"a graph of them\" }\n"
               "[node]\n"),
      "kernel_floor_us",
      "context_MiB = { value = 600, kind = \"measured\", source = \"driver\" }\nkernel_floor_us");
  const HardwareProfile copy = expect_round_trip(text, load_hardware, write_hardware);
  EXPECT_DOUBLE_EQ(copy.host.kernel_launch_s, 2.5e-6);
  EXPECT_DOUBLE_EQ(copy.host.graph_launch_s, 0.7e-6);
  EXPECT_DOUBLE_EQ(copy.device.context_bytes, 600.0 * 1024 * 1024);
}

TEST_F(ProfileRoundTrip, NoSampleFilesWithoutSamples) {
  write_hardware(load_hardware(folder_.write("p.toml", hardware_text())), folder_.path() / "q.toml");
  EXPECT_FALSE(file_exists(folder_.path() / "q.ops.tsv"));
  EXPECT_FALSE(file_exists(folder_.path() / "q.collectives.tsv"));
  EXPECT_EQ(load_hardware(folder_.path() / "q.toml").measured_on, std::nullopt);
}

TEST_F(ProfileRoundTrip, Network) {
  expect_round_trip(network_text(), load_network, write_network);
}

TEST_F(ProfileRoundTrip, Software) {
  EXPECT_EQ(expect_round_trip(software_text(), load_software, write_software).description, "a framework");
}

TEST_F(ProfileRoundTrip, ShippedProfiles) {
  const std::filesystem::path profiles = std::filesystem::path(PARAPLAN_SOURCE_DIR) / "profiles";
  for (const auto& entry : std::filesystem::directory_iterator(profiles / "software")) {
    expect_round_trip(read_text_file(entry.path()), load_software, write_software);
  }
  for (const auto& entry : std::filesystem::directory_iterator(profiles / "networks")) {
    expect_round_trip(read_text_file(entry.path()), load_network, write_network);
  }
}

TEST_F(ProfileRoundTrip, FittedValuesKeepTheirPrecision) {
  SoftwareProfile profile = load_software(folder_.write("p.toml", software_text()));
  profile.host.launch_s = {1e-6 / 3, Provenance::fitted,       "a fit",
                           1e-7 / 7, {"a \"b\".tsv", "c.tsv"}, 1e-6 / 9};
  profile.memory.fixed_bytes = {123456789.0 / 7, Provenance::tuned, "by hand", 0, {"a.tsv"}, 0};
  write_software(profile, folder_.path() / "p.toml");
  const SoftwareProfile copy = load_software(folder_.path() / "p.toml");
  EXPECT_DOUBLE_EQ(copy.host.launch_s, profile.host.launch_s);
  EXPECT_DOUBLE_EQ(copy.host.launch_s.standard_error, profile.host.launch_s.standard_error);
  EXPECT_EQ(copy.host.launch_s.tables, profile.host.launch_s.tables);
  EXPECT_DOUBLE_EQ(copy.host.launch_s.prior, profile.host.launch_s.prior);
  EXPECT_DOUBLE_EQ(copy.memory.fixed_bytes, profile.memory.fixed_bytes);
  EXPECT_EQ(copy.memory.fixed_bytes.provenance, Provenance::tuned);
  EXPECT_EQ(copy.memory.fixed_bytes.tables, std::vector<std::string>{"a.tsv"});
  EXPECT_EQ(copy.memory.fixed_bytes.prior, 0);
}

TEST_F(ProfileRoundTrip, NumbersAreWrittenInTheirUnitAsAPersonWould) {
  write_network(load_network(folder_.write("n.toml", network_text())), folder_.path() / "m.toml");
  EXPECT_EQ(read_text_file(folder_.path() / "m.toml"), network_text());
}

TEST_F(ProfileRoundTrip, OddCharactersOfASourceSurvive) {
  Network network = load_network(folder_.write("n.toml", network_text()));
  network.hop_s.source = "a \"quoted\" back\\slash,\ttab,\nnew line and µs";
  write_network(network, folder_.path() / "n.toml");
  EXPECT_EQ(load_network(folder_.path() / "n.toml").hop_s.source, network.hop_s.source);
}

TEST_F(ProfileRoundTrip, AConstantWithoutSourceIsNotWritten) {
  Network network = load_network(folder_.write("n.toml", network_text()));
  network.hop_s.source.clear();
  EXPECT_THROW(write_network(network, folder_.path() / "n.toml"), std::runtime_error);
}

}  // namespace
}  // namespace paraplan
