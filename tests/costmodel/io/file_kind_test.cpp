#include "costmodel/io/file_kind.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "costmodel/io/gemm_samples.h"
#include "costmodel/io/op_samples.h"
#include "costmodel/io/plan_file.h"
#include "costmodel/io/run_file.h"
#include "tests/costmodel/io/temporary_folder.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;

// Checks all files of a shipped folder; tables of kernel samples have the extension .tsv, too.
void expect_kind(const char* folder, const char* extension, FileKind kind) {
  int files = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(PARAPLAN_SOURCE_DIR) / folder)) {
    if (entry.path().extension() != extension) continue;
    ++files;
    EXPECT_EQ(file_kind(entry.path()), kind) << entry.path();
  }
  EXPECT_GT(files, 0) << folder;
}

TEST(FileKind, KnowsEveryShippedFile) {
  expect_kind("scenarios", ".toml", FileKind::scenario);
  expect_kind("scenarios/models", ".toml", FileKind::model);
  expect_kind("scenarios/measured", ".tsv", FileKind::measured_rows);
  expect_kind("profiles/hardware", ".toml", FileKind::hardware_profile);
  expect_kind("profiles/networks", ".toml", FileKind::network_profile);
  expect_kind("profiles/software", ".toml", FileKind::software_profile);
}

TEST(FileKind, KnowsWhatCommandsWrite) {
  const TemporaryFolder folder;
  EXPECT_EQ(file_kind(folder.write("gemm.tsv", to_tsv(std::vector<GemmSample>{}))), FileKind::gemm_samples);
  EXPECT_EQ(file_kind(folder.write("ops.tsv", to_tsv(std::vector<OpSample>{}))), FileKind::op_samples);
  EXPECT_EQ(file_kind(folder.write("coll.tsv", to_tsv(std::vector<CollectiveSample>{}))),
            FileKind::collective_samples);
  PlanFile plan;
  plan.scenario_file = "a.toml";
  EXPECT_EQ(file_kind(folder.write("plan.toml", plan_text(plan, "plan.toml"))), FileKind::plan);
  EXPECT_EQ(file_kind(folder.write("run.toml", run_text({}))), FileKind::run);
  EXPECT_EQ(file_kind(folder.write("sweep.csv", "nodes,devices,fits,layout,iteration_time_s\n4,32,no,,\n")),
            FileKind::sweep);
  EXPECT_EQ(file_kind(folder.write("t.json", "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [\n]}\n")),
            FileKind::trace);
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
