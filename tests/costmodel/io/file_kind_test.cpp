#include "costmodel/io/files/file_kind.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "costmodel/io/files/files.h"
#include "costmodel/io/plan_file.h"
#include "costmodel/io/profiles/gemm_samples.h"
#include "costmodel/io/profiles/op_samples.h"
#include "costmodel/io/run_file.h"
#include "tests/costmodel/io/temporary_folder.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;

bool is_profile(FileKind kind) {
  return kind == FileKind::hardware_profile || kind == FileKind::host_profile ||
         kind == FileKind::network_profile || kind == FileKind::software_profile;
}

// Checks all files of a shipped folder; tables of kernel samples have the extension .tsv, too.
void expect_kind(const char* folder, const char* extension, FileKind kind) {
  int files = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(PARAPLAN_SOURCE_DIR) / folder)) {
    if (entry.path().extension() != extension) continue;
    if (read_text_file(entry.path()).starts_with("base = ")) continue;  // it may have few keys of its own
    ++files;
    EXPECT_EQ(file_kind(entry.path()), kind) << entry.path();
    const bool imported = read_text_file(entry.path()).find("[[kind]]") != std::string::npos;
    EXPECT_EQ(is_written_as(kind, entry.path()), is_profile(kind) || imported) << entry.path();
  }
  EXPECT_GT(files, 0) << folder;
}

TEST(FileKind, KnowsEveryShippedFile) {
  expect_kind("scenarios", ".toml", FileKind::scenario);
  expect_kind("scenarios/models", ".toml", FileKind::model);
  expect_kind("scenarios/measured", ".tsv", FileKind::measured_rows);
  expect_kind("profiles/hardware", ".toml", FileKind::hardware_profile);
  expect_kind("profiles/hosts", ".toml", FileKind::host_profile);
  expect_kind("profiles/networks", ".toml", FileKind::network_profile);
  expect_kind("profiles/software", ".toml", FileKind::software_profile);
}

TEST(FileKind, KnowsWhatCommandsWrite) {
  const TemporaryFolder folder;
  const auto expect_written = [&](const char* name, const std::string& text, FileKind kind) {
    const fs::path file = folder.write(name, text);
    EXPECT_EQ(file_kind(file), kind) << name;
    EXPECT_TRUE(is_written_as(kind, file)) << name;
    EXPECT_FALSE(is_written_as(FileKind::scenario, file)) << name;
  };
  expect_written("gemm.tsv", to_tsv(std::vector<GemmSample>{}), FileKind::gemm_samples);
  expect_written("ops.tsv", to_tsv(std::vector<OpSample>{}), FileKind::op_samples);
  expect_written("coll.tsv", to_tsv(std::vector<CollectiveSample>{}), FileKind::collective_samples);
  PlanFile plan;
  plan.scenario_file = "a.toml";
  expect_written("plan.toml", plan_text(plan, "plan.toml"), FileKind::plan);
  expect_written("run.toml", run_text({}), FileKind::run);
  EXPECT_EQ(file_kind(folder.write("sweep.csv", "nodes,devices,fits,layout,iteration_time_s\n4,32,no,,\n")),
            FileKind::sweep);
  EXPECT_EQ(file_kind(folder.write("t.json", "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [\n]}\n")),
            FileKind::trace);
}

// What other programs and people write may be taken for a kind, but must not be replaced as such.
TEST(FileKind, AGuessIsNoProof) {
  const TemporaryFolder folder;
  const auto expect_guess = [&](const char* name, const std::string& text, FileKind kind) {
    const fs::path file = folder.write(name, text);
    EXPECT_EQ(file_kind(file), kind) << name;
    EXPECT_FALSE(is_written_as(kind, file)) << name;
  };
  expect_guess("notes.txt", "layout of the office\ncluster meeting\n", FileKind::plan);
  expect_guess("machines.txt", "node 1 is old\nhost 2\ndevice = 3\n", FileKind::hardware_profile);
  expect_guess("train.toml", "device = \"cuda\"\nsteps = 100\n", FileKind::run);
  expect_guess("mine.csv", "devices,samples_per_s\n1,2\n", FileKind::sweep);
  expect_guess("torch.json", "{\"displayTimeUnit\": \"ms\", \"traceEvents\": []}\n", FileKind::trace);
  expect_guess("part.toml", "nics_per_node = 1\nnic_GBps = 2\n", FileKind::network_profile);
  expect_guess("ops.tsv", "precision\tkind\tm\tn\tk\tseconds\tnoise\n", FileKind::op_samples);
  EXPECT_FALSE(is_written_as(FileKind::plan, folder.path()));
  EXPECT_FALSE(is_written_as(FileKind::trace, folder.path() / "missing"));
}

TEST(FileKind, ProofReadsTomlsUsualForms) {
  const TemporaryFolder folder;
  EXPECT_TRUE(is_written_as(FileKind::network_profile, folder.write("n.toml", network_text())));
  EXPECT_TRUE(is_written_as(FileKind::hardware_profile, folder.write("h.toml", hardware_text())));
  EXPECT_FALSE(
      is_written_as(FileKind::network_profile, folder.write("in_table.toml", "[other]\n" + network_text())));
  EXPECT_FALSE(is_written_as(FileKind::plan, folder.write("brackets", "[\n[]\n[[\n]\n=\n")));
}

TEST(FileKind, KnowsBrokenFiles) {
  const TemporaryFolder folder;
  EXPECT_EQ(file_kind(folder.write("a.toml", "# mine\n\nmodel = \"gpt\nhardware =\n[trainin]\nlayers = 1\n")),
            FileKind::scenario);
  EXPECT_EQ(file_kind(folder.write("b.toml", "family = \"gpt\"\nlayers = 24\nhiden = 1024\n")),
            FileKind::model);
  EXPECT_EQ(file_kind(folder.write("c.tsv", "id\tdata\ttensr\r\na\t1\t2\r\n")), FileKind::measured_rows);
}

TEST(FileKind, SaysNothingOfOtherFiles) {
  const TemporaryFolder folder;
  EXPECT_EQ(file_kind(folder.write("empty", "")), std::nullopt);
  EXPECT_EQ(file_kind(folder.write("letter", "Dear model,\nscenario one is bad.\n")), std::nullopt);
  EXPECT_EQ(file_kind(folder.write("in_table.toml", "[other]\nfamily = 1\nlayers = 2\nheads = 3\n")),
            std::nullopt);
  EXPECT_EQ(file_kind(folder.path()), std::nullopt);
  EXPECT_EQ(file_kind(folder.path() / "missing"), std::nullopt);
  EXPECT_EQ(file_kind("/dev/zero"), std::nullopt);
}

TEST(FileKind, AWrongFileIsRefusedByWhatItIs) {
  const TemporaryFolder folder;
  const fs::path network = folder.write("n.toml", network_text());
  EXPECT_EQ(folder.error_of([&] {
    refuse_other_kind(network, {FileKind::plan, FileKind::scenario});
  }),
            "n.toml: is a network profile (a scenario names it as its network); a plan or a scenario is "
            "needed here");
  EXPECT_NO_THROW(refuse_other_kind(network, {FileKind::network_profile}));
  const fs::path json =
      folder.write("plan.json", "{\"scenario\": \"a\", \"layout\": {}, \"prediction\": {}}\n");
  EXPECT_EQ(file_kind(json), FileKind::plan);
  EXPECT_EQ(folder.error_of([&] { refuse_other_kind(json, {FileKind::plan}); }),
            "plan.json: is JSON, which is not read; a plan is needed here");
  EXPECT_NO_THROW(refuse_other_kind(folder.write("other", "text"), {FileKind::scenario}));
}

}  // namespace
}  // namespace paraplan
